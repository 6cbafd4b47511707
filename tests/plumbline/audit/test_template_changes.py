"""What a deployment would take away from resources that hold state."""

from pathlib import Path
from typing import Any

import pytest

from plumbline.audit.template_changes import Fate, StateLoss, state_losses
from tests.plumbline.audit.subjects import template

_RETAINED = {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}


def _bucket(name: str, **attributes: str) -> dict[str, Any]:
    return {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": name}, **attributes}


def _losses(tmp_path: Path, before: dict[str, Any], after: dict[str, Any] | None) -> tuple[StateLoss, ...]:
    old = template(tmp_path, before)
    if after is None:
        return state_losses([old], [])
    (tmp_path / "new").mkdir()
    return state_losses([old], [template(tmp_path / "new", after)])


@pytest.mark.parametrize(
    ("attributes", "fate"),
    [({}, Fate.REPLACED), (_RETAINED, Fate.REPLACED_KEPT), ({"UpdateReplacePolicy": "Retain"}, Fate.REPLACED_KEPT)],
)
def test_a_new_name_replaces_a_bucket(attributes: dict[str, str], fate: Fate, tmp_path: Path) -> None:
    (loss,) = _losses(tmp_path, {"Data": _bucket("a", **attributes)}, {"Data": _bucket("b", **attributes)})
    assert loss == StateLoss(
        stack="stack", resource="Data", type="AWS::S3::Bucket", fate=fate, properties=("BucketName",)
    )


_QUEUE = {"Type": "AWS::SNS::Topic"}


@pytest.mark.parametrize(("attributes", "fate"), [({}, Fate.DELETED), (_RETAINED, Fate.ORPHANED)])
def test_a_bucket_that_is_no_longer_there_is_deleted_or_orphaned(
    attributes: dict[str, str], fate: Fate, tmp_path: Path
) -> None:
    (loss,) = _losses(tmp_path, {"Data": _bucket("a", **attributes), "Topic": _QUEUE}, {"Topic": _QUEUE})
    assert (loss.resource, loss.fate, loss.properties) == ("Data", fate, ())


def test_a_stack_that_is_no_longer_in_the_app_counts_as_deleted(tmp_path: Path) -> None:
    (loss,) = _losses(tmp_path, {"Data": _bucket("a", **_RETAINED)}, None)
    assert loss.fate is Fate.ORPHANED


def test_what_its_template_retains_holds_state_whatever_its_type(tmp_path: Path) -> None:
    topic = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "a"}}
    (loss,) = _losses(
        tmp_path, {"Topic": {**topic, **_RETAINED}}, {"Topic": {**topic, **_RETAINED, "Properties": {"TopicName": "b"}}}
    )
    assert loss.type == "AWS::SNS::Topic"


def test_what_holds_no_state_may_come_and_go(tmp_path: Path) -> None:
    assert not _losses(tmp_path, {"Topic": {"Type": "AWS::SNS::Topic"}, "Data": _bucket("a")}, {"Data": _bucket("a")})


def test_an_update_in_place_loses_nothing(tmp_path: Path) -> None:
    after = {
        "Data": {**_bucket("a"), "Properties": {"BucketName": "a", "VersioningConfiguration": {"Status": "Enabled"}}}
    }
    assert not _losses(tmp_path, {"Data": _bucket("a")}, after)


def test_what_is_new_loses_nothing(tmp_path: Path) -> None:
    assert not _losses(tmp_path, {"Data": _bucket("a")}, {"Data": _bucket("a"), "More": _bucket("b")})
