"""What a data source names, and where each object goes."""

import io
import json
from pathlib import Path
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError
from botocore.response import StreamingBody

from plumbline.rehearsal.sagemaker.scope import Scope
from plumbline.rehearsal.sagemaker.sessions import PlatformError, RoleSession
from plumbline.rehearsal.sagemaker.transfer import download, find

OBJECTS = {
    "data/train/": b"",
    "data/train/a.csv": b"1",
    "data/train/deep/b.csv": b"2",
    "data/trainers/c.csv": b"3",
    "list/manifest": json.dumps([{"prefix": "s3://bucket/data/"}, "train/a.csv", "trainers/c.csv"]).encode(),
    "list/gone": json.dumps([{"prefix": "s3://bucket/data/"}, "train/a.csv", "train/gone.csv"]).encode(),
    "list/prefix-only": json.dumps([{"prefix": "s3://bucket/data/"}]).encode(),
    "list/empty": b"[]",
    "list/nothing": b"",
    "list/no-list": b'{"prefix": "s3://bucket/data/"}',
    "list/no-prefix": json.dumps(["s3://bucket/data/train/a.csv"]).encode(),
    "list/outside": json.dumps([{"prefix": "s3://bucket/data/"}, "../list/manifest"]).encode(),
    "list/number": json.dumps([{"prefix": "s3://bucket/data/"}, 1]).encode(),
}


class Store:
    """The two calls of S3 that finding objects takes."""

    def list_objects_v2(self, *, Bucket: str, Prefix: str, **_: Any) -> dict[str, Any]:  # noqa: N803 - S3's own names
        assert Bucket == "bucket"
        return {"Contents": [{"Key": key} for key in OBJECTS if key.startswith(Prefix)], "IsTruncated": False}

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        assert Bucket == "bucket"
        if Key not in OBJECTS:
            raise ClientError(
                {"Error": {"Code": "NoSuchKey", "Message": "The specified key does not exist."}}, "GetObject"
            )
        return {"Body": StreamingBody(io.BytesIO(OBJECTS[Key]), len(OBJECTS[Key]))}


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


def _manifest(name: str) -> dict[str, str]:
    return {"S3Uri": f"s3://bucket/list/{name}", "S3DataType": "ManifestFile"}


@pytest.mark.parametrize(("name", "why"), [
    ("empty", "does not begin with"),
    ("nothing", "it is no JSON"),
    ("no-list", "does not begin with"),
    ("no-prefix", "does not begin with"),
    ("prefix-only", "it names no objects"),
    ("outside", '"../list/manifest" is no path below the prefix'),
    ("number", "1 is no path below the prefix"),
])  # fmt: skip
def test_a_manifest_without_objects_is_refused(name: str, why: str) -> None:
    with pytest.raises(PlatformError, match=f'^ClientError: .*"s3://bucket/list/{name}".*{why}'):
        paths(_manifest(name))


def test_a_manifests_objects_lie_below_the_folder_as_their_keys_below_the_prefix(tmp_path: Path) -> None:
    role = cast("RoleSession", Role())
    assert download(find(_manifest("manifest"), session=role), tmp_path, session=role) == 2
    found = {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in tmp_path.rglob("*.csv")}
    assert found == {"train/a.csv": b"1", "trainers/c.csv": b"3"}


def test_a_manifests_entry_that_is_not_there_is_named(tmp_path: Path) -> None:
    role = cast("RoleSession", Role())
    with pytest.raises(PlatformError, match=r'^ClientError: .*NoSuchKey.*"s3://bucket/data/train/gone.csv"'):
        download(find(_manifest("gone"), session=role), tmp_path, session=role)
