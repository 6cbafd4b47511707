"""Lambda functions, which EventBridge invokes asynchronously: what the function then does is Lambda's to see to.

Sources: EventBridge user guide, "AWS Lambda permissions"; Lambda developer guide, "How Lambda handles errors and
retries with asynchronous invocation": an event that finds no free instance waits in the function's queue for up to six
hours and uses up none of its retries.
"""

import contextvars
import json
import threading
import time
from collections.abc import Mapping

from ministack.core.arn import parse_arn
from ministack.core.responses import request_scope
from ministack.services import lambda_svc

from plumbline.rehearsal.enforcement.service_principals import allows
from plumbline.rehearsal.eventbridge.delivery import Delivery
from plumbline.rehearsal.eventbridge.failures import EVENTBRIDGE, DeliveryError, no_permission, no_resource

_ACTION = "lambda:InvokeFunction"
# A sixtieth of six hours, as all waits here are.
_LONGEST_WAIT_SECONDS = 360.0
_PAUSE_SECONDS = 0.1
# Events leave Lambda's queue as fast as an account's concurrency lets them; here, as fast as a laptop can bear.
_AT_ONCE = 6
_instances = threading.BoundedSemaphore(_AT_ONCE)
_waits_for_its_turn: contextvars.ContextVar[bool] = contextvars.ContextVar("waits_for_its_turn", default=False)


def install() -> None:
    """Has events wait until a function of the emulator of this process has a free instance."""
    own = lambda_svc._execute_function

    def execute(function: Mapping[str, object], event: object) -> dict[str, object]:
        result: dict[str, object]
        if not _waits_for_its_turn.get():
            result = own(function, event)
            return result
        deadline = time.monotonic() + _LONGEST_WAIT_SECONDS
        while True:
            with _instances:
                token = _waits_for_its_turn.set(False)  # for another account the emulator calls this once more
                try:
                    result = own(function, event)
                finally:
                    _waits_for_its_turn.reset(token)
            if not result.get("throttle") or time.monotonic() > deadline:
                return result
            time.sleep(_PAUSE_SECONDS)

    lambda_svc._execute_function = execute


def invoke(delivery: Delivery) -> None:
    """Hands what the target gets to the function's queue.

    Raises:
        DeliveryError: The function is not there, its policy does not let EventBridge invoke it for this rule, or what
            it would get is no JSON.
    """
    spec = parse_arn(delivery.arn)
    with request_scope(spec.account_id, spec.region):
        function, config, _ = lambda_svc._get_func_record_for_ref(delivery.arn)
        if not function or not config:
            raise no_resource(delivery.arn)
        if not allows(EVENTBRIDGE, _ACTION, delivery.arn, delivery.source):
            raise no_permission(_ACTION, delivery.arn)
        try:
            event = json.loads(delivery.payload)
        except ValueError as error:
            raise DeliveryError("INVALID_JSON", f"{delivery.arn} takes JSON: {error}") from error
        token = _waits_for_its_turn.set(True)
        try:
            lambda_svc.invoke_async_with_retry(lambda_svc._execution_record_for_config(function, config), event)
        finally:
            _waits_for_its_turn.reset(token)
