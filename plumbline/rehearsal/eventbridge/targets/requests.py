"""Pipelines, which EventBridge starts in the target's role by a request of their service's API.

Sources: EventBridge API reference, "SageMakerPipelineParameters"; user guide, "Use an IAM role to access resources"
and "Dynamic path parameters" for values such as ``$.detail.name``.
"""

import json
from collections.abc import Callable, Mapping

from botocore.exceptions import ClientError, ConnectTimeoutError, HTTPClientError, ReadTimeoutError

from plumbline.rehearsal.eventbridge.delivery import Delivery, value_at
from plumbline.rehearsal.eventbridge.failures import DeliveryError, of_answer
from plumbline.rehearsal.eventbridge.options import Options
from plumbline.rehearsal.session import Client, Session

_PATH = "$."
_options: Options | None = None


def reach(options: Options) -> None:
    """Says where the emulator of this process answers."""
    global _options
    _options = options


def start_training_pipeline(delivery: Delivery) -> None:
    """Starts a SageMaker pipeline with the target's parameters.

    Raises:
        DeliveryError: A value has no such path in the event, or SageMaker does not start it.
    """
    parameters = _parameters(delivery)
    name = delivery.arn.partition(":pipeline/")[2]

    def start(client: Client) -> object:
        return client.start_pipeline_execution(
            PipelineName=name, PipelineParameters=parameters, ClientRequestToken=delivery.token
        )

    _ask(delivery, "sagemaker", start)


def start_delivery_pipeline(delivery: Delivery) -> None:
    """Starts a pipeline of CodePipeline's.

    Raises:
        DeliveryError: CodePipeline does not start it.
    """
    name = delivery.arn.rpartition(":")[2]

    def start(client: Client) -> object:
        return client.start_pipeline_execution(name=name, clientRequestToken=delivery.token)

    _ask(delivery, "codepipeline", start)


def _parameters(delivery: Delivery) -> list[dict[str, str]]:
    given = delivery.target.get("SageMakerPipelineParameters")
    listed = given.get("PipelineParameterList", []) if isinstance(given, Mapping) else []
    event = json.loads(delivery.content)
    return [{"Name": str(one["Name"]), "Value": _value(str(one["Value"]), event)} for one in listed]


def _value(value: str, event: object) -> str:
    if not value.startswith(_PATH):
        return value
    try:
        found = value_at(event, value)
    except KeyError as error:
        raise DeliveryError("INVALID_PARAMETER", f"The event has no value at {value}.") from error
    return found if isinstance(found, str) else json.dumps(found)


def _ask(delivery: Delivery, service: str, start: Callable[[Client], object]) -> None:
    if _options is None:
        raise DeliveryError("INTERNAL_ERROR", "EventBridge has not been told where the services are")
    credentials = delivery.assume()
    session = Session(
        endpoint=_options.endpoint,
        certificate_authority=_options.certificate_authority,
        region=delivery.arn.split(":")[3],
        access_key=credentials.access_key,
        secret_key=credentials.secret_key,
        token=credentials.token,
    )
    try:
        start(session.client(service))
    except ClientError as error:
        raise of_answer(error) from error
    except (ConnectTimeoutError, ReadTimeoutError) as error:
        raise DeliveryError("TIMEOUT", str(error), passing=True) from error
    except HTTPClientError as error:
        raise DeliveryError("CONNECTION_FAILURE", str(error), passing=True) from error
