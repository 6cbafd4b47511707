"""Requests and responses against botocore's own model."""

from typing import Any

import pytest

from plumbline.rehearsal.api.errors import ApiError, UnsupportedOperationError
from plumbline.rehearsal.api.patterns import python_pattern
from plumbline.rehearsal.api.shapes import ResponseError, check_request, check_response, operation_model, service_model

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
    with pytest.raises(ApiError) as raised:
        check_request("StartPipelineExecution", START | changes, service="sagemaker")
    assert raised.value.code == "ValidationException"
    assert raised.value.message.startswith("1 validation error detected: ")
    assert message in raised.value.message


@pytest.mark.parametrize("service", ["sagemaker", "sagemaker-runtime"])
def test_every_pattern_of_the_model_is_enforced(service: str) -> None:
    model = service_model(service)
    patterns = {model.shape_for(name).metadata.get("pattern") for name in model.shape_names} - {None}
    assert len(patterns) > 10
    for pattern in patterns:
        assert python_pattern(pattern).groups >= 0, pattern


@pytest.mark.parametrize(
    ("pattern", "fits", "does_not"),
    [
        (r"([\p{L}\p{Z}\p{N}_.:\/=+\-@]*)${1,256}", "s3://b/a b=ü٣\u2003@", ","),
        (r"[\p{L}\p{M}\p{S}\p{N}\p{P}]+", "e\u0301€!٣", "a b"),
        (r"\p{ASCII}*", "a\tb", "ü"),
        (r"\A\S[\p{Print}]*\z", "a b", " a"),
        (r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\t]*", "a\t😀", "a\n"),
        (r"[\p{Alnum}\-]+", "a-1", "ü"),
        (r"\d{2}", "12", "٣٣"),
        (r"[a-z]*$", "a", "a\n"),
    ],
)
def test_a_pattern_means_what_it_means_to_java(pattern: str, fits: str, does_not: str) -> None:
    assert python_pattern(pattern).fullmatch(fits)
    assert not python_pattern(pattern).fullmatch(does_not)


@pytest.mark.parametrize(
    ("value", "constraint"),
    [
        ("late, again", r"Member must satisfy regular expression pattern: ([\p{L}\p{Z}\p{N}_.:\/=+\-@]*)${1,256}"),
        ("x" * 257, "Member must have length less than or equal to 256"),
        ("", "Member must have length greater than or equal to 1"),
    ],
)
def test_customer_metadata_are_held_to_pattern_and_length(value: str, constraint: str) -> None:
    with pytest.raises(ApiError) as raised:
        check_request(
            "CreateModelPackage",
            {"ModelPackageGroupName": "g", "CustomerMetadataProperties": {"Reason": value}},
            service="sagemaker",
        )
    assert raised.value.message == (
        f"1 validation error detected: Value '{value}' at 'customerMetadataProperties.reason.member' failed to "
        f"satisfy constraint: {constraint}"
    )


def test_customer_metadata_of_the_platform_pass() -> None:
    said = {
        "CommitId": "c" * 40,
        "ExecutionArn": "arn:aws:sagemaker:eu-west-1:222222222222:pipeline/p/execution/e",
        "ChampionUri": "s3://plumbline-staging-models-222222222222/flight_delays/champion/none/",
        "DatasetVersion": "3sL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY",
    }
    check_request(
        "CreateModelPackage", {"ModelPackageGroupName": "g", "CustomerMetadataProperties": said}, service="sagemaker"
    )


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(ApiError, match="2 validation errors detected"):
        check_request("StartPipelineExecution", {}, service="sagemaker")


def test_a_request_that_fits_passes() -> None:
    check_request("StartPipelineExecution", START, service="sagemaker")


def test_an_enumeration_is_listed() -> None:
    with pytest.raises(ApiError, match=r"Member must satisfy enum value set: \[Ascending, Descending\]"):
        check_request("ListPipelines", {"SortOrder": "Up"}, service="sagemaker")


def test_an_operation_that_sagemaker_has_not_is_named() -> None:
    with pytest.raises(UnsupportedOperationError, match="CreateDream is no operation of sagemaker"):
        operation_model("CreateDream", service="sagemaker")


@pytest.mark.parametrize("response", [{}, {"EndpointArn": 1}, {"EndpointArn": "a", "Extra": 1}])
def test_a_response_that_the_model_does_not_know_is_a_fault(response: Document) -> None:
    with pytest.raises(ResponseError):
        check_response("CreateEndpoint", response, service="sagemaker")
