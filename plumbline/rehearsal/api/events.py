"""What a service says on the default event bus of the account that a resource lives in."""

import json
from collections.abc import Sequence

from ministack.app import call_service_handler_sync
from ministack.core.responses import request_scope
from ministack.services import eventbridge

from plumbline.rehearsal.api.scope import Scope
from plumbline.rehearsal.api.shapes import Document


def publish(scope: Scope, *, source: str, detail_type: str, resources: Sequence[str], detail: Document) -> None:
    """Puts an event of an AWS service on the default bus.

    Args:
        scope: The account and region.
        source: For example ``aws.sagemaker``.
        detail_type: As the service's documentation spells it.
        resources: ARNs.
        detail: What the event says.
    """
    entry = {
        "Source": source,
        "DetailType": detail_type,
        "Resources": list(resources),
        "Detail": json.dumps(detail, default=str),
    }

    async def put(*_request: object) -> None:
        with request_scope(scope.account, scope.region):
            eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)

    # on the emulator's own loop, where its rules and targets are read and changed
    call_service_handler_sync(put, "POST", "/", {}, b"", {})
