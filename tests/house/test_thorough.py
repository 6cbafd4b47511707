"""What the fast run leaves out says why."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
_FEWEST_WORDS = 6


def _unreasoned(source: str) -> Iterator[int]:
    """Lines of the marks `thorough` without a reason of some words."""
    tree = ast.parse(source)
    reasoned = {id(call.func) for call in ast.walk(tree) if isinstance(call, ast.Call) and _has_reason(call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "thorough" and id(node) not in reasoned:
            yield node.lineno


def _has_reason(call: ast.Call) -> bool:
    return not call.args and any(
        keyword.arg == "reason"
        and isinstance(keyword.value, ast.Constant)
        and len(str(keyword.value.value).split()) >= _FEWEST_WORDS
        for keyword in call.keywords
    )


def test_every_test_that_the_fast_run_leaves_out_says_why() -> None:
    sources = {path: path.read_text(encoding="utf-8") for path in sorted(TESTS.rglob("*.py"))}
    assert any("pytest.mark.thorough(" in source for path, source in sources.items() if path != Path(__file__))
    assert [
        f"{path.relative_to(TESTS)}:{line}" for path, source in sources.items() for line in _unreasoned(source)
    ] == []


@pytest.mark.parametrize(
    "mark", ["mark.thorough", "mark.thorough()", "mark.thorough('a b c d e f')", "mark.thorough(reason='slow')"]
)
def test_a_mark_without_a_reason_would_be_seen(mark: str) -> None:
    assert list(_unreasoned(f"@pytest.{mark}\ndef test_it(): ...")) == [1]
