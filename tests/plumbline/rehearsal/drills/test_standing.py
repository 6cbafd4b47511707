"""Whether two looks at what stands see a difference."""

import dataclasses

import pytest

from plumbline.rehearsal.drills.standing import Standing
from plumbline.rehearsal.release import Served

SERVED = Served(
    endpoint="delays",
    status="InService",
    configuration="delays-1",
    model_package_arn="arn:aws:sagemaker:eu-west-1:222222222222:model-package/delays/1",
    artifact="s3://models/1/model.tar.gz",
    artifact_digest="a",
    image_digest="sha256:0",
)
STANDING = Standing(
    templates={"operations": "0", "foundation": "1"},
    values={"/plumbline/production/contact": "somebody"},
    endpoints={"delays": SERVED},
)


def test_what_is_as_it_was_has_no_differences() -> None:
    assert STANDING.differences(dataclasses.replace(STANDING)) == ()


@pytest.mark.parametrize(
    ("later", "told"),
    [
        (
            dataclasses.replace(STANDING, templates={"operations": "2", "foundation": "1"}),
            "the template of operations has changed",
        ),
        (dataclasses.replace(STANDING, templates={"operations": "0"}), "the template of foundation is gone"),
        (dataclasses.replace(STANDING, templates={**STANDING.templates, "new": "3"}), "the template of new is new"),
        (
            dataclasses.replace(STANDING, values={"/plumbline/production/contact": "nobody"}),
            "/plumbline/production/contact has changed",
        ),
        (dataclasses.replace(STANDING, values={}), "/plumbline/production/contact is gone"),
        (
            dataclasses.replace(STANDING, endpoints={"delays": dataclasses.replace(SERVED, configuration="delays-2")}),
            "the configuration of delays has changed",
        ),
        (
            dataclasses.replace(STANDING, endpoints={"delays": dataclasses.replace(SERVED, artifact_digest="b")}),
            "the artifact digest of delays has changed",
        ),
    ],
)
def test_each_difference_is_told(later: Standing, told: str) -> None:
    assert STANDING.differences(later) == (told,)


def test_an_endpoint_that_is_gone_is_told_with_all_that_it_served() -> None:
    told = STANDING.differences(dataclasses.replace(STANDING, endpoints={}))
    assert "the model package arn of delays is gone" in told
    assert len(told) == len(dataclasses.fields(Served))
