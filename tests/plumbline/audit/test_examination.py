"""Findings of every rule set, what excuses them, and waivers that cannot stand."""

from datetime import date
from pathlib import Path

import pytest

from plumbline.audit.findings import Severity
from tests.plumbline.audit.subjects import allow, examined, policy, reported, template, waived

_QUEUE = {"Type": "AWS::SQS::Queue", "Properties": {"KmsMasterKeyId": "alias/mine"}}
_RULE = "AwsSolutions::AwsSolutions-SQS4"
_CONSTRUCTS = {"Queue": "dev/Queue/Resource", "Other": "dev/Other/Resource"}


def test_a_finding_of_cdk_nag_is_placed_in_its_template(tmp_path: Path) -> None:
    subject = template(tmp_path, {"Queue": _QUEUE}, constructs=_CONSTRUCTS)
    examination = examined(subject, said=reported((_RULE, "dev/Queue/Resource")))
    (judged,) = [judged for judged in examination.findings if judged.finding.rule == _RULE]
    assert (judged.finding.file, judged.finding.resource) == ("stack.template.json", "Queue")
    assert judged in examination.open_findings


def test_a_property_that_nobody_knows_is_found_by_the_schema_rules_and_by_cfn_lint(tmp_path: Path) -> None:
    subject = template(tmp_path, {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueuName": "q"}}})
    found = {(j.finding.rule, j.finding.resource): j.finding.severity for j in examined(subject).open_findings}
    assert found[("CloudFormation-Validate::F3002", "Queue")] is Severity.HIGH
    assert found[("CfnLint::E3002", "Queue")] is Severity.HIGH


def test_a_finding_of_our_own_rules_is_qualified_and_can_be_waived(tmp_path: Path) -> None:
    subject = template(tmp_path, {"Queue": {"Type": "AWS::SQS::Queue"}}, constructs=_CONSTRUCTS)
    found = {judged.finding.rule for judged in examined(subject).open_findings}
    assert "Plumbline::PL-MSG-01" in found
    excused = examined(subject, waivers=(waived("Plumbline::PL-MSG-01", "dev/Queue"),))
    assert "Plumbline::PL-MSG-01" not in {judged.finding.rule for judged in excused.open_findings}


def test_a_finding_that_synth_reported_of_our_own_rules_counts_once(tmp_path: Path) -> None:
    subject = template(tmp_path, {"Queue": {"Type": "AWS::SQS::Queue"}}, constructs=_CONSTRUCTS)
    examination = examined(subject, said=reported(("Plumbline::PL-MSG-01", "dev/Queue/Resource")))
    assert [judged.finding.rule for judged in examination.findings].count("Plumbline::PL-MSG-01") == 1


def test_a_waiver_of_cfn_lint_excuses_its_finding(tmp_path: Path) -> None:
    subject = template(tmp_path, {"Queue": _QUEUE}, constructs=_CONSTRUCTS, Parameters={"Unused": {"Type": "String"}})
    (judged,) = [j for j in examined(subject).open_findings if j.finding.rule == "CfnLint::W2001"]
    assert judged.finding.path == "Parameters.Unused"


def test_worst_findings_come_first(tmp_path: Path) -> None:
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": policy(
                {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
            ),
            "Policies": [{"PolicyName": "p", "PolicyDocument": policy(allow("*", "*"))}],
        },
    }
    severities = [judged.finding.severity for judged in examined(template(tmp_path, {"Role": role})).findings]
    assert severities == sorted(severities, key=list(Severity).index)
    assert severities[0] is Severity.CRITICAL


def test_an_expired_waiver_is_a_problem_though_it_still_excuses(tmp_path: Path) -> None:
    subject = template(tmp_path, {"Queue": _QUEUE}, constructs=_CONSTRUCTS)
    examination = examined(
        subject,
        waivers=(waived(_RULE, "dev/Queue", until=date(2026, 11, 24)),),
        said=reported((_RULE, "dev/Queue/Resource")),
    )
    assert examination.problems == (
        f"dev/Queue: the waiver a-decision of {_RULE} ended on 2026-11-24; mend what it excuses, or decide anew.",
    )


def test_a_waiver_stands_on_its_last_day(tmp_path: Path) -> None:
    subject = template(tmp_path, {"Queue": _QUEUE}, constructs=_CONSTRUCTS)
    examination = examined(
        subject,
        waivers=(waived(_RULE, "dev/Queue", until=date(2026, 11, 25)),),
        said=reported((_RULE, "dev/Queue/Resource")),
    )
    assert not examination.problems


@pytest.mark.parametrize("rule", [_RULE, "CfnLint::W2001", "Plumbline::PL-MSG-01", "CloudFormation-Validate::W3010"])
def test_a_stale_waiver_is_a_problem_whatever_rule_it_names(rule: str, tmp_path: Path) -> None:
    subject = template(tmp_path, {"Queue": _QUEUE}, constructs=_CONSTRUCTS)
    examination = examined(subject, waivers=(waived(rule, "dev/Queue"),), said=reported())
    assert examination.problems == (f"dev/Queue: the waiver a-decision of {rule} excuses nothing; remove it.",)


def test_a_waiver_of_rules_that_were_not_asked_is_not_stale(tmp_path: Path) -> None:
    subject = template(tmp_path, {"Queue": _QUEUE}, constructs=_CONSTRUCTS)
    assert not examined(subject, waivers=(waived(_RULE, "dev/Queue"),)).problems


def test_a_waiver_of_a_rule_that_there_is_not_is_named_with_what_was_meant(tmp_path: Path) -> None:
    subject = template(tmp_path, {"Queue": _QUEUE}, constructs=_CONSTRUCTS)
    (problem,) = examined(subject, waivers=(waived("Plumbline::PL-MSQ-01", "dev/Queue"),)).problems
    assert problem == (
        "dev/Queue: the waiver a-decision is of Plumbline::PL-MSQ-01, and there is no such rule; "
        "meant: Plumbline::PL-MSG-01."
    )


def test_a_waiver_of_a_set_that_nobody_knows_is_named(tmp_path: Path) -> None:
    subject = template(tmp_path, {"Queue": _QUEUE}, constructs=_CONSTRUCTS)
    (problem,) = examined(subject, waivers=(waived("AwsSolution::AwsSolutions-SQS3", "dev/Queue"),)).problems
    assert problem.startswith(
        "dev/Queue: the waiver a-decision is of AwsSolution::AwsSolutions-SQS3, which is in no set of rules; accepted: "
    )


def test_a_waiver_that_excuses_two_resources_is_too_broad(tmp_path: Path) -> None:
    subject = template(tmp_path, {"Queue": _QUEUE, "Other": _QUEUE}, constructs=_CONSTRUCTS)
    said = reported((_RULE, "dev/Queue/Resource"), (_RULE, "dev/Other/Resource"))
    (problem,) = examined(subject, waivers=(waived(_RULE, "dev"),), said=said).problems
    assert problem == (
        f"dev: the waiver a-decision of {_RULE} excuses 2 resources; declare it beside each: dev/Other/Resource, "
        "dev/Queue/Resource."
    )


def test_every_action_of_a_service_on_everything_is_excused_by_nothing(tmp_path: Path) -> None:
    rule = "AwsSolutions::AwsSolutions-IAM5[Resource::*]"
    wide = {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": policy(allow("s3:*", "*"))}}
    subject = template(tmp_path, {"Queue": wide}, constructs=_CONSTRUCTS)
    examination = examined(subject, waivers=(waived(rule, "dev/Queue"),), said=reported((rule, "dev/Queue/Resource")))
    assert examination.problems == (
        (
            f"dev/Queue: the waiver a-decision excuses {rule}, of a policy that allows all actions of a service on *; "
            "that can only be mended."
        ),
    )


def _buckets(logged_to: object) -> dict[str, object]:
    return {
        "Queue": {"Type": "AWS::S3::Bucket"},
        "Other": {
            "Type": "AWS::S3::Bucket",
            "Properties": {"LoggingConfiguration": {"DestinationBucketName": logged_to}},
        },
    }


@pytest.mark.parametrize(("logged_to", "stands"), [({"Ref": "Queue"}, True), ("elsewhere", False)])
def test_only_a_bucket_of_access_logs_may_lack_a_customers_key(logged_to: object, stands: bool, tmp_path: Path) -> None:
    rule = "HIPAA.Security::HIPAA.Security-S3DefaultEncryptionKMS"
    subject = template(tmp_path, _buckets(logged_to), constructs=_CONSTRUCTS)  # type: ignore[arg-type]
    problems = examined(
        subject, waivers=(waived(rule, "dev/Queue"),), said=reported((rule, "dev/Queue/Resource"))
    ).problems
    assert problems == (
        ()
        if stands
        else (
            (
                f"dev/Queue: the waiver a-decision excuses {rule}; what lacks a key is excused for buckets of access "
                "logs only."
            ),
        )
    )


def test_templates_from_elsewhere_are_not_judged_by_cdk_nag_and_it_is_said(tmp_path: Path) -> None:
    rule_sets = {one.name: one for one in examined(template(tmp_path, {"Queue": _QUEUE})).rule_sets}
    assert rule_sets["AwsSolutions"].left_out.startswith("cdk-nag judges constructs")
    assert not rule_sets["Plumbline"].left_out
    assert all(one.rules > 60 for one in rule_sets.values())
