"""A smoke test beside a rehearsal: what has to be equal, and what took how long on either side."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

_SAME = ("dataset_id", "code_digest")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One thing on both sides.

    Attributes:
        what: What it is.
        rehearsed: In the rehearsal; empty when it is not there.
        on_aws: On AWS; empty when it is not there.
        differs: Whether it has to be equal and is not.
    """

    what: str
    rehearsed: str
    on_aws: str
    differs: bool


def compare(smoke: Mapping[str, Any], rehearsal: Mapping[str, Any]) -> list[Row]:
    """Compares the model of ``smoke.json`` with the same of ``rehearsal.json``.

    Args:
        smoke: The one document.
        rehearsal: The other.

    Returns:
        The rows; none when the rehearsal has no such model.
    """
    (found,) = smoke["models"]
    same = [one for one in rehearsal["models"] if one["model"] == found["model"]]
    if not same:
        return []
    (other,) = same
    return [*_equal(other, found), *_run(other["run"], found["run"]), *_figures(other, found)]


def _equal(other: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[Row]:
    for name in _SAME:
        yield Row(
            what=name.replace("_", " "), rehearsed=other[name], on_aws=found[name], differs=other[name] != found[name]
        )


def _run(other: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[Row]:
    steps = [{one["name"]: one for one in run["steps"]} for run in (other, found)]
    for name in dict.fromkeys([*steps[0], *steps[1]]):
        sides = [side.get(name, {}) for side in steps]
        statuses = [one.get("status", "") for one in sides]
        told = [f"{one['status']}, {one['seconds']:.0f} s" if one else "" for one in sides]
        yield Row(what=f"run: {name}", rehearsed=told[0], on_aws=told[1], differs=statuses[0] != statuses[1])


def _figures(other: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[Row]:
    """The challenger's figures, which another processor's arithmetic may move in their last digits."""
    sides = [one["metrics"].get("metrics", {}).get("challenger", {}) for one in (other, found)]
    for name in dict.fromkeys([*sides[0], *sides[1]]):
        told = [f"{one[name]:.4f}" if isinstance(one.get(name), float) else "" for one in sides]
        if any(told):
            yield Row(what=f"quality: {name}", rehearsed=told[0], on_aws=told[1], differs=told[0] != told[1])
