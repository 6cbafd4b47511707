"""What a deployment would take away from resources that hold state."""

from collections.abc import Mapping
from typing import Any

import pytest

from plumbline.audit.template_changes import Fate, StateLoss, state_losses
from tests.plumbline.audit.subjects import template

_RETAINED = {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}
_TOPIC = {"Type": "AWS::SNS::Topic"}

_Resources = dict[str, dict[str, Any]]
_Losses = Mapping[str, tuple[StateLoss, ...]]


def _bucket(name: str, **properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": name, **properties}}


def _topic(name: str) -> dict[str, Any]:
    return {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": name}}


# Stack → its resources before and after; none after when the app has it no more.
_STACKS: dict[str, tuple[_Resources, _Resources | None]] = {
    "renamed": ({"Data": _bucket("a")}, {"Data": _bucket("b")}),
    "renamed-retained": ({"Data": _bucket("a") | _RETAINED}, {"Data": _bucket("b") | _RETAINED}),
    "renamed-kept": (
        {"Data": _bucket("a") | {"UpdateReplacePolicy": "Retain"}},
        {"Data": _bucket("b") | {"UpdateReplacePolicy": "Retain"}},
    ),
    "dropped": ({"Data": _bucket("a"), "Topic": _TOPIC}, {"Topic": _TOPIC}),
    "dropped-retained": ({"Data": _bucket("a") | _RETAINED, "Topic": _TOPIC}, {"Topic": _TOPIC}),
    "gone": ({"Data": _bucket("a") | _RETAINED}, None),
    "retained-topic": ({"Topic": _topic("a") | _RETAINED}, {"Topic": _topic("b") | _RETAINED}),
    "dropped-topic": ({"Topic": _TOPIC, "Data": _bucket("a")}, {"Data": _bucket("a")}),
    "in-place": ({"Data": _bucket("a")}, {"Data": _bucket("a", VersioningConfiguration={"Status": "Enabled"})}),
    "new": ({"Data": _bucket("a")}, {"Data": _bucket("a"), "More": _bucket("b")}),
}


@pytest.fixture(scope="module")
def losses(tmp_path_factory: pytest.TempPathFactory) -> _Losses:
    """What each stack loses, all of them compared in one process."""
    old, new = tmp_path_factory.mktemp("old"), tmp_path_factory.mktemp("new")
    before = [template(old, resources, name=name) for name, (resources, _) in _STACKS.items()]
    after = [template(new, resources, name=name) for name, (_, resources) in _STACKS.items() if resources is not None]
    found = state_losses(before, after)
    return {name: tuple(loss for loss in found if loss.stack == name) for name in _STACKS}


@pytest.mark.parametrize(
    ("stack", "fate"),
    [("renamed", Fate.REPLACED), ("renamed-retained", Fate.REPLACED_KEPT), ("renamed-kept", Fate.REPLACED_KEPT)],
)
def test_a_new_name_replaces_a_bucket(stack: str, fate: Fate, losses: _Losses) -> None:
    assert losses[stack] == (
        StateLoss(stack=stack, resource="Data", type="AWS::S3::Bucket", fate=fate, properties=("BucketName",)),
    )


@pytest.mark.parametrize(("stack", "fate"), [("dropped", Fate.DELETED), ("dropped-retained", Fate.ORPHANED)])
def test_a_bucket_that_is_no_longer_there_is_deleted_or_orphaned(stack: str, fate: Fate, losses: _Losses) -> None:
    (loss,) = losses[stack]
    assert (loss.resource, loss.fate, loss.properties) == ("Data", fate, ())


def test_a_stack_that_is_no_longer_in_the_app_counts_as_deleted(losses: _Losses) -> None:
    (loss,) = losses["gone"]
    assert loss.fate is Fate.ORPHANED


def test_what_its_template_retains_holds_state_whatever_its_type(losses: _Losses) -> None:
    (loss,) = losses["retained-topic"]
    assert loss.type == "AWS::SNS::Topic"


def test_what_holds_no_state_may_come_and_go(losses: _Losses) -> None:
    assert not losses["dropped-topic"]


def test_an_update_in_place_loses_nothing(losses: _Losses) -> None:
    assert not losses["in-place"]


def test_what_is_new_loses_nothing(losses: _Losses) -> None:
    assert not losses["new"]
