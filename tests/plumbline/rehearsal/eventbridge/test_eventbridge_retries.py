"""When EventBridge tries again, how often, and when it stops."""

import itertools

import pytest
from botocore.exceptions import ClientError

from plumbline.rehearsal.eventbridge.failures import DeliveryError, of_answer
from plumbline.rehearsal.eventbridge.retries import RetryPolicy, Schedule, pursue

_PASSING = DeliveryError("THROTTLING", "Rate exceeded", passing=True)
_LASTING = DeliveryError("NO_PERMISSIONS", "not authorized")


def _pursued(*, outcomes: list[DeliveryError | None], policy: RetryPolicy) -> tuple[DeliveryError | None, Schedule]:
    left, schedule = iter(outcomes[1:]), Schedule(policy)
    last = pursue(failed=outcomes[0], again=lambda: next(left), schedule=schedule, wait=lambda _seconds: None)
    return last, schedule


def test_what_passes_is_tried_until_it_has_passed() -> None:
    last, schedule = _pursued(outcomes=[_PASSING, _PASSING, None], policy=RetryPolicy())
    assert (last, schedule.retries, schedule.exhausted) == (None, 2, "")


def test_what_does_not_pass_is_tried_once() -> None:
    last, schedule = _pursued(outcomes=[_LASTING], policy=RetryPolicy())
    assert (last, schedule.retries, schedule.exhausted) == (_LASTING, 0, "")


def test_a_failure_that_changes_into_one_that_lasts_ends_the_attempts() -> None:
    last, schedule = _pursued(outcomes=[_PASSING, _LASTING], policy=RetryPolicy())
    assert (last, schedule.retries, schedule.exhausted) == (_LASTING, 1, "")


@pytest.mark.parametrize("attempts", [0, 1, 185])
def test_no_more_attempts_are_made_than_the_policy_says(attempts: int) -> None:
    last, schedule = _pursued(outcomes=[_PASSING] * (attempts + 1), policy=RetryPolicy(attempts=attempts))
    assert (last, schedule.retries, schedule.exhausted) == (_PASSING, attempts, "MaximumRetryAttempts")


def test_an_event_that_has_become_too_old_is_given_up() -> None:
    # Waits of 1, 2, 4, 8 and 16 seconds; the next, of 32, would end after 63.
    last, schedule = _pursued(outcomes=[_PASSING] * 6, policy=RetryPolicy(age=60))
    assert (last, schedule.retries, schedule.exhausted) == (_PASSING, 5, "MaximumEventAgeInSeconds")


def test_the_waits_before_another_attempt_double_up_to_eight_minutes() -> None:
    schedule = Schedule(RetryPolicy())
    waits = list(itertools.takewhile(lambda wait: wait is not None, iter(schedule.next_wait, None)))
    assert waits[:4] == [1, 2, 4, 8]
    assert max(wait for wait in waits if wait is not None) == 480


def test_a_target_without_a_policy_is_tried_for_a_day() -> None:
    assert RetryPolicy.of({}) == RetryPolicy(attempts=185, age=86_400)


def test_a_targets_policy_is_read_also_where_a_template_spells_numbers_as_text() -> None:
    given = {"RetryPolicy": {"MaximumRetryAttempts": "3", "MaximumEventAgeInSeconds": 120}}
    assert RetryPolicy.of(given) == RetryPolicy(attempts=3, age=120)


@pytest.mark.parametrize(("code", "status", "meaning", "passing"), [
    ("AccessDeniedException", 400, "NO_PERMISSIONS", False),
    ("ResourceNotFound", 400, "NO_RESOURCE", False),
    ("PipelineNotFoundException", 400, "NO_RESOURCE", False),
    ("ThrottlingException", 400, "THROTTLING", True),
    ("ResourceLimitExceeded", 400, "RESOURCE_LIMIT_EXCEEDED", True),
    ("ConflictException", 400, "RESOURCE_MODIFICATION_COLLISION", True),
    ("ValidationException", 400, "INVALID_PARAMETER", False),
    ("InternalFailure", 500, "ERROR_FROM_TARGET", True),
    ("Unheard", 400, "SDK_CLIENT_ERROR", False),
])  # fmt: skip
def test_a_services_error_says_whether_it_is_tried_again(code: str, status: int, meaning: str, passing: bool) -> None:
    answer = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    failure = of_answer(ClientError(answer, "StartPipelineExecution"))  # type: ignore[arg-type]
    assert (failure.code, failure.message, failure.passing) == (meaning, "no", passing)
