"""Controls, the rules they rest on, and the resources that keep them."""

from pathlib import Path

from plumbline.audit.controls import Control, map_controls
from tests.plumbline.audit.subjects import examined, reported, template, waived

_RULE = "HIPAA.Security::HIPAA.Security-S3BucketLoggingEnabled"
_CONSTRUCTS = {"Kept": "dev/Kept", "Bad": "dev/Bad"}
_BUCKET = {"Type": "AWS::S3::Bucket"}


def _controls(tmp_path: Path, *, excused: bool = False, asked: bool = True) -> dict[tuple[str, str], Control]:
    subject = template(tmp_path, {"Kept": _BUCKET, "Bad": _BUCKET}, constructs=_CONSTRUCTS)
    examination = examined(
        subject,
        waivers=(waived(_RULE, "dev/Bad"),) if excused else (),
        said=reported((_RULE, "dev/Bad")) if asked else None,
    )
    return {(control.framework, control.id): control for control in map_controls([subject], examination)}


def test_a_control_names_what_keeps_and_what_breaks_it(tmp_path: Path) -> None:
    control = _controls(tmp_path)[("HIPAA", "164.312(b)")]
    (evidence,) = [one for one in control.evidence if one.rule == _RULE]
    assert (evidence.kept, evidence.broken, evidence.excused) == (("stack/Kept",), ("stack/Bad",), ())
    assert control.fails


def test_an_excused_resource_does_not_fail_the_control_and_is_no_evidence(tmp_path: Path) -> None:
    control = _controls(tmp_path, excused=True)[("HIPAA", "164.308(a)(3)(ii)(A)")]
    (evidence,) = [one for one in control.evidence if one.rule == _RULE]
    assert (evidence.kept, evidence.broken, evidence.excused) == (("stack/Kept",), (), ("stack/Bad",))


def test_our_own_rules_are_evidence_too(tmp_path: Path) -> None:
    controls = _controls(tmp_path)
    assert any(one.rule.startswith("Plumbline::PL-S3-") for one in controls[("HIPAA", "164.312(b)")].evidence)
    assert "SOC 2" in {framework for framework, _ in controls}


def test_rules_that_were_not_asked_are_evidence_of_nothing(tmp_path: Path) -> None:
    rules = {one.rule for control in _controls(tmp_path, asked=False).values() for one in control.evidence}
    assert rules
    assert all(rule.startswith("Plumbline::") for rule in rules)


def test_a_rule_that_had_nothing_to_look_at_is_not_there(tmp_path: Path) -> None:
    rules = {one.rule for control in _controls(tmp_path).values() for one in control.evidence}
    assert "HIPAA.Security::HIPAA.Security-KMSBackingKeyRotationEnabled" not in rules


def test_controls_are_in_the_order_in_which_people_count(tmp_path: Path) -> None:
    ids = [control for framework, control in _controls(tmp_path) if framework == "PCI DSS"]
    numbers = [tuple(int(part) for part in control.split(".") if part.isdigit()) for control in ids]
    assert numbers == sorted(numbers)
    assert len(numbers) > 5
