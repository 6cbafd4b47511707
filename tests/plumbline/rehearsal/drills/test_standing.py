"""Whether two looks at what stands see a difference."""

import dataclasses

import pytest

from plumbline.rehearsal.drills.standing import Standing

STANDING = Standing(
    templates={"operations": "0", "foundation": "1"},
    values={"/plumbline/production/contact": "somebody"},
    endpoints={"delays": {"configuration": "delays-1", "artifact": "a"}},
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
            dataclasses.replace(STANDING, endpoints={"delays": {"configuration": "delays-2", "artifact": "a"}}),
            "the configuration of delays has changed",
        ),
        (
            dataclasses.replace(STANDING, endpoints={"delays": {"configuration": "delays-1", "artifact": "b"}}),
            "the artifact of delays has changed",
        ),
    ],
)
def test_each_difference_is_told(later: Standing, told: str) -> None:
    assert STANDING.differences(later) == (told,)


def test_an_endpoint_that_is_gone_is_told_with_all_that_it_served() -> None:
    assert STANDING.differences(dataclasses.replace(STANDING, endpoints={})) == (
        "the artifact of delays is gone",
        "the configuration of delays is gone",
    )
