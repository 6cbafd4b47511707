"""Refusals are compared both ways: none unexpected, none missing."""

import botocore.exceptions
import pytest

from plumbline.errors import PlumblineError
from plumbline.rehearsal.calls import Decision
from plumbline.rehearsal.denials import Probe, principal_of, refuse_unexpected, try_all
from plumbline.rehearsal.summary import DeniedCall

ROLE = "arn:aws:iam::111111111111:role/one"
EXPECTED = DeniedCall(principal=ROLE, action="s3:GetObject", resource="arn:aws:s3:::b/k", because="of a reason")


def decision(*, action: str = "s3:GetObject", allowed: bool = False) -> Decision:
    return Decision(
        time="2026-01-01T00:00:00.000+00:00",
        account="111111111111",
        principal="arn:aws:sts::111111111111:assumed-role/one/session",
        action=action,
        resource="arn:aws:s3:::b/k",
        allowed=allowed,
        reason="" if allowed else "nothing allows it",
        context={},
    )


def failing(code: str) -> Probe:
    def attempt() -> None:
        raise botocore.exceptions.ClientError({"Error": {"Code": code, "Message": "no"}}, "GetObject")

    return Probe(expected=EXPECTED, attempt=attempt)


def test_a_session_counts_as_its_role() -> None:
    assert principal_of(decision()) == ROLE


def test_an_expected_refusal_is_accepted() -> None:
    refuse_unexpected([decision(), decision(action="s3:PutObject", allowed=True)], expected=[EXPECTED])


def test_an_unexpected_refusal_names_caller_action_and_resource() -> None:
    with pytest.raises(PlumblineError, match=r"role/one was refused s3:PutObject on arn:aws:s3:::b/k") as error:
        refuse_unexpected([decision(), decision(action="s3:PutObject")], expected=[EXPECTED])
    assert error.value.exit_code == 1


def test_a_refusal_that_was_not_met_is_missed() -> None:
    with pytest.raises(PlumblineError, match="the call log lacks the refusal"):
        refuse_unexpected([decision(allowed=True)], expected=[EXPECTED])


@pytest.mark.parametrize("code", ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation"])
def test_a_refused_attempt_is_what_is_wanted(code: str) -> None:
    assert try_all([failing(code)]) == (EXPECTED,)


def test_an_attempt_that_fails_otherwise_shows_nothing() -> None:
    with pytest.raises(PlumblineError, match="it failed otherwise"):
        try_all([failing("NoSuchKey")])


def test_an_attempt_that_succeeds_is_told_with_the_reason_against_it() -> None:
    with pytest.raises(PlumblineError, match=r"may s3:GetObject on .* and must not: of a reason"):
        try_all([Probe(expected=EXPECTED, attempt=lambda: None)])
