"""A person's request for a retraining, on the bus of the environment that governs."""

import json
import uuid

import botocore.exceptions

from plumbline.accounts.access import Client
from plumbline.accounts.refusals import sentence
from plumbline.configuration import REQUEST_SOURCE, REQUEST_TYPE, Deployment, Model
from plumbline.errors import PlumblineError

_LONGEST = 1_000  # characters: what a decision keeps of a reason


def request(events: Client, *, deployment: Deployment, model: Model, because: str, resume: bool) -> str:
    """Asks the governor.

    Args:
        events: A client of EventBridge; `events:PutEvents` on the bus is all that it needs.
        deployment: The environment that governs.
        model: The model.
        because: Why; the decision and what the run registers say it.
        resume: Whether the model goes on if it was stopped.

    Returns:
        The id of the request, by which its decision is found.

    Raises:
        PlumblineError: It says nothing, or too much, or the bus does not take it.
    """
    if not because.strip() or len(because) > _LONGEST:
        raise PlumblineError(f"because: {len(because.strip())} characters; accepted: 1 to {_LONGEST}.")
    id_ = str(uuid.uuid4())
    detail = {"model": model.name, "reason": because, "id": id_, "resume": resume}
    entry = {
        "EventBusName": deployment.event_bus_arn,
        "Source": REQUEST_SOURCE,
        "DetailType": REQUEST_TYPE,
        "Detail": json.dumps(detail),
    }
    try:
        (said,) = events.put_events(Entries=[entry])["Entries"]
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        told = sentence(error, region=deployment.region)
        raise PlumblineError(f"the request could not be made: {told}", exit_code=1) from error
    if "ErrorCode" in said:
        raise PlumblineError(
            f"the bus {deployment.event_bus} did not take the request: {said['ErrorMessage']}", exit_code=1
        )
    return id_
