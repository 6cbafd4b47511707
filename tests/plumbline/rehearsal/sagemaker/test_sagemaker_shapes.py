"""Requests and responses against botocore's own model."""

from typing import Any

import pytest

from plumbline.rehearsal.sagemaker.errors import SageMakerError, UnsupportedOperationError
from plumbline.rehearsal.sagemaker.shapes import ResponseError, check_request, check_response, operation_model

Document = dict[str, Any]
START: Document = {"PipelineName": "p", "ClientRequestToken": "x" * 32}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"PipelineName": None}, "Value null at 'pipelineName' failed to satisfy constraint: Member must not be null"),
        ({"PipelineName": "no spaces"}, "failed to satisfy constraint: Member must satisfy regular expression pattern"),
        ({"ClientRequestToken": "short"}, "Member must have length greater than or equal to 32"),
        ({"PipelineParameters": "x"}, "Value 'x' at 'pipelineParameters' failed to satisfy constraint: Member must be"),
        ({"PipelineParameters": [{"Name": "a"}]}, "at 'pipelineParameters.1.member.value' failed"),
        ({"Unknown": 1}, "Unknown member 'Unknown'"),
    ],
)
def test_a_request_that_does_not_fit_is_refused_as_aws_words_it(changes: Document, message: str) -> None:
    with pytest.raises(SageMakerError) as raised:
        check_request("StartPipelineExecution", START | changes)
    assert raised.value.code == "ValidationException"
    assert raised.value.message.startswith("1 validation error detected: ")
    assert message in raised.value.message


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(SageMakerError, match="2 validation errors detected"):
        check_request("StartPipelineExecution", {})


def test_a_request_that_fits_passes() -> None:
    check_request("StartPipelineExecution", START)


def test_an_enumeration_is_listed() -> None:
    with pytest.raises(SageMakerError, match=r"Member must satisfy enum value set: \[Ascending, Descending\]"):
        check_request("ListPipelines", {"SortOrder": "Up"})


def test_an_operation_that_sagemaker_has_not_is_named() -> None:
    with pytest.raises(UnsupportedOperationError, match="CreateDream is no operation of sagemaker"):
        operation_model("CreateDream")


@pytest.mark.parametrize("response", [{}, {"EndpointArn": 1}, {"EndpointArn": "a", "Extra": 1}])
def test_a_response_that_the_model_does_not_know_is_a_fault(response: Document) -> None:
    with pytest.raises(ResponseError):
        check_response("CreateEndpoint", response)
