"""Policies in words."""

from typing import Any

import pytest

from plumbline.audit.words import conditions_in_words, permissions, principals_of
from tests.plumbline.audit.subjects import allow, policy


def test_a_statement_is_told_service_by_service() -> None:
    found = permissions(policy(allow(["s3:GetObject", "s3:PutObject", "kms:Decrypt"], "*")))
    assert [(one.service, one.reads, one.changes) for one in found] == [
        ("S3", ("GetObject",), ("PutObject",)),
        ("KMS", (), ("Decrypt",)),
    ]


def test_a_denial_is_no_permission() -> None:
    (one,) = permissions(policy({**allow("s3:*", "*"), "Effect": "Deny"}))
    assert not one.allows


def test_what_a_statement_excepts_is_told() -> None:
    (one,) = permissions(policy({"Effect": "Deny", "NotAction": ["sts:*"], "NotResource": ["arn:x"]}))
    assert (one.service, one.changes) == ("every service", ("everything but sts:*",))
    assert one.resources == ("everything but arn:x",)


def test_every_action_is_of_every_service() -> None:
    (one,) = permissions(policy(allow("*", "*")))
    assert (one.service, one.changes) == ("every service", ("*",))


@pytest.mark.parametrize(
    ("principal", "words"),
    [
        ("*", ("everybody",)),
        ({"AWS": "*"}, ("everybody",)),
        ({"AWS": ["arn:aws:iam::111111111111:root"]}, ("account 111111111111",)),
        ({"Service": "sagemaker.amazonaws.com"}, ("sagemaker.amazonaws.com",)),
        (None, ()),
    ],
)
def test_principals_in_words(principal: Any, words: tuple[str, ...]) -> None:
    assert principals_of(principal) == words


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ({"StringEquals": {"aws:SourceAccount": "1"}}, "aws:SourceAccount is 1"),
        ({"StringNotEquals": {"k": ["a", "b"]}}, "k is not a nor b"),
        ({"ArnLike": {"k": ["a", "b"]}}, "k is like a or b"),
        ({"Bool": {"k": True}}, "k is true"),
        ({"BoolIfExists": {"k": "false"}}, "k is false, if it is there"),
        ({"Null": {"k": "true"}}, "k is absent"),
        ({"Null": {"k": "false"}}, "k is present"),
        ({"ForAllValues:StringEquals": {"k": "a"}}, "every k is a"),
        ({"NumericLessThanEquals": {"k": 5}}, "k is at most 5"),
        ({"BinaryEquals": {"k": "a"}}, "k BinaryEquals a"),
    ],
)
def test_conditions_in_words(condition: Any, words: str) -> None:
    assert conditions_in_words(condition) == (words,)
