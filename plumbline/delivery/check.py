"""Whether what was deployed to staging is there, and answers as it is meant to."""

import json
import time
from collections.abc import Sequence

import boto3
import botocore.exceptions
import jsonschema

from plumbline.configuration import Contract, Deployment, Environment, Model, Platform, load_contract
from plumbline.delivery.access import taken
from plumbline.errors import PlumblineError

_JSON_LINES = "application/jsonlines"


def check_staging(platform: Platform, models: Sequence[Model], session: boto3.Session) -> list[str]:
    """Looks at staging's stacks and asks its endpoints what their contracts say.

    Args:
        platform: The configuration.
        models: The models.
        session: Who takes staging's check role.

    Returns:
        What was seen, a sentence each.

    Raises:
        PlumblineError: A stack has not settled, an endpoint is not in service, or it breaks its contract; all that is
            wrong, a sentence each.
    """
    staging = platform.deployment(Environment.STAGING)
    looking = taken(session, staging.check_role_arn, name="check")
    seen: list[str] = []
    wrong: list[str] = []
    for stack in _stacks(staging, models):
        status = _stack_status(looking, stack)
        (seen if status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"} else wrong).append(f"{stack} is {status}")
    for model in models:
        try:
            seen.append(check_endpoint(staging, model, looking))
        except PlumblineError as error:
            wrong.append(str(error))
    if wrong:
        raise PlumblineError("\n".join(wrong), exit_code=1)
    return seen


def check_endpoint(deployment: Deployment, model: Model, session: boto3.Session) -> str:
    """Asks an endpoint what its model's contract says.

    Args:
        deployment: Where it is.
        model: The model.
        session: Who asks.

    Returns:
        What was seen.

    Raises:
        PlumblineError: It is not in service, answers otherwise than its contract says, or too late.
    """
    name = deployment.endpoint_name(model)
    try:
        status = session.client("sagemaker").describe_endpoint(EndpointName=name)["EndpointStatus"]
    except botocore.exceptions.ClientError as error:
        if "Could not find" in str(error):
            return f"{name} is not there yet"
        raise PlumblineError(f"{name} cannot be looked at: {error}", exit_code=1) from error
    if status != "InService":
        raise PlumblineError(f"{name} is {status}; accepted: InService", exit_code=1)
    contract = load_contract(model)
    began = time.monotonic()
    answers = _ask(session, name, contract)
    seconds = time.monotonic() - began
    if len(answers) != len(contract.requests):
        raise PlumblineError(f"{name} answered {len(contract.requests)} rows with {len(answers)}", exit_code=1)
    for number, answer in enumerate(answers, start=1):
        try:
            jsonschema.validate(answer, contract.answer)
        except jsonschema.ValidationError as error:
            raise PlumblineError(f"{name}: answer {number} breaks the contract: {error.message}", exit_code=1) from None
    if seconds > contract.max_seconds:
        raise PlumblineError(
            f"{name} took {seconds:.2f} s for {len(answers)} rows; accepted: {contract.max_seconds} s", exit_code=1
        )
    return f"{name} keeps its contract: {len(answers)} answers in {seconds:.2f} s"


def _ask(session: boto3.Session, name: str, contract: Contract) -> list[object]:
    body = "".join(f"{json.dumps(row)}\n" for row in contract.requests).encode()
    try:
        answer = session.client("sagemaker-runtime").invoke_endpoint(
            EndpointName=name, ContentType=_JSON_LINES, Accept=_JSON_LINES, Body=body
        )
        return [json.loads(line) for line in answer["Body"].read().splitlines()]
    except botocore.exceptions.ClientError as error:
        raise PlumblineError(f"{name} does not answer: {error}", exit_code=1) from error
    except ValueError:
        raise PlumblineError(f"{name} answers with what is no JSON", exit_code=1) from None


def _stacks(deployment: Deployment, models: Sequence[Model]) -> list[str]:
    each = [deployment.stack_name(kind, model) for model in models for kind in ("access", "training")]
    return [deployment.stack_name("foundation"), deployment.stack_name("operations"), *each]


def _stack_status(session: boto3.Session, stack: str) -> str:
    try:
        return str(session.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"])
    except botocore.exceptions.ClientError as error:
        if "does not exist" in str(error):
            return "not there"
        raise PlumblineError(f"{stack} cannot be looked at: {error}", exit_code=1) from error
