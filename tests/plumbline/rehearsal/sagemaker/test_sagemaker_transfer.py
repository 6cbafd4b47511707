"""What a data source names, and where each object goes."""

import io
import json
from typing import Any, cast

import pytest

from plumbline.rehearsal.sagemaker.scope import Scope
from plumbline.rehearsal.sagemaker.sessions import PlatformError, RoleSession
from plumbline.rehearsal.sagemaker.transfer import find

OBJECTS = {
    "data/train/": b"",
    "data/train/a.csv": b"1",
    "data/train/deep/b.csv": b"2",
    "data/trainers/c.csv": b"3",
    "list/manifest": json.dumps([{"prefix": "s3://bucket/data/"}, "train/a.csv", "trainers/c.csv"]).encode(),
}


class Store:
    """The two calls of S3 that finding objects takes."""

    def list_objects_v2(self, *, Bucket: str, Prefix: str, **_: Any) -> dict[str, Any]:  # noqa: N803 - S3's own names
        assert Bucket == "bucket"
        return {"Contents": [{"Key": key} for key in OBJECTS if key.startswith(Prefix)], "IsTruncated": False}

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        assert Bucket == "bucket"
        return {"Body": io.BytesIO(OBJECTS[Key])}


class Role:
    """A role that may all."""

    role_arn = "arn:aws:iam::111111111111:role/r"
    scope = Scope(account="111111111111", region="eu-west-1")

    def client(self, _service: str) -> Store:
        return Store()


def paths(source: dict[str, str]) -> list[str]:
    return [str(file.path) for file in find(source, session=cast("RoleSession", Role()))]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ({"S3Uri": "s3://bucket/data/train/"}, ["a.csv", "deep/b.csv"]),
        # a prefix is no folder: S3, and SageMaker with it, takes all that begins with it
        ({"S3Uri": "s3://bucket/data/train"}, ["a.csv", "deep/b.csv", "trainers/c.csv"]),
        ({"S3Uri": "s3://bucket/data/train/a.csv"}, ["a.csv"]),
        ({"S3Uri": "s3://bucket/list/manifest", "S3DataType": "ManifestFile"}, ["train/a.csv", "trainers/c.csv"]),
    ],
)
def test_objects_go_where_sagemaker_puts_them(source: dict[str, str], found: list[str]) -> None:
    assert paths(source) == found


def test_a_prefix_with_nothing_but_its_own_marker_is_empty() -> None:
    with pytest.raises(PlatformError, match="No S3 objects found under S3 URL"):
        paths({"S3Uri": "s3://bucket/nothing"})


def test_a_data_type_that_is_not_run_is_refused_by_name() -> None:
    with pytest.raises(PlatformError, match="S3DataType AugmentedManifestFile is not run"):
        paths({"S3Uri": "s3://bucket/data", "S3DataType": "AugmentedManifestFile"})


def test_what_is_no_s3_uri_is_refused() -> None:
    with pytest.raises(PlatformError, match="/data is no S3 URI"):
        paths({"S3Uri": "/data"})
