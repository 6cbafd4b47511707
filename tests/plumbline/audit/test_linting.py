"""cfn-lint, as the audit asks it."""

import json
from pathlib import Path

import pytest

from plumbline.audit import linting
from plumbline.audit.linting import NOT_ASKED, Linter, lint_rule_count


def _template(folder: Path, name: str, **properties: object) -> tuple[Path, str | None]:
    path = folder / name
    path.write_text(json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": properties}}}))
    return path, None


@pytest.mark.parametrize(
    "worth_a_process",
    [
        pytest.param(100_000, id="in this process"),
        pytest.param(
            1, id="in several", marks=pytest.mark.thorough(reason="each process loads all rules of cfn-lint anew")
        ),
    ],
)
def test_findings_come_in_the_order_of_the_templates(
    worth_a_process: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linting, "_BYTES_WORTH_A_PROCESS", worth_a_process)
    tasks = [
        _template(tmp_path, "a.json", QueuName="q"),
        _template(tmp_path, "b.json"),
        _template(tmp_path, "c.json", X=1),
    ]
    found = list(Linter().lint(tasks))
    assert [[finding.path[-1] for finding in matches] for matches in found] == [["QueuName"], [], ["X"]]
    assert found[0][0].rule == "E3002"
    assert found[0][0].path == ("Resources", "Queue", "Properties", "QueuName")


def test_a_template_that_was_linted_before_is_not_linted_again(tmp_path: Path) -> None:
    linter = Linter()
    (first,) = linter.lint([_template(tmp_path, "a.json", QueuName="q")])
    (again,) = linter.lint([_template(tmp_path, "copy.json", QueuName="q")])
    assert again is first


def test_every_rule_that_is_not_asked_has_a_reason() -> None:
    assert all(len(reason) > 30 for reason in NOT_ASKED.values())


def test_cfn_lint_asks_some_hundred_rules() -> None:
    assert lint_rule_count() > 250
