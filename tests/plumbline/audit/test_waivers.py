"""What a waiver excuses, and what none may."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from plumbline.audit.gate_record import GateRecord, read_gate_record, write_gate_record
from plumbline.audit.waivers import broken_waivers, declared_in
from plumbline.errors import PlumblineError
from tests.plumbline.audit.subjects import template, waived


def test_a_waiver_excuses_its_rule_at_its_construct_and_below_it() -> None:
    one = waived("AwsSolutions::AwsSolutions-S1", "dev/Bucket")
    assert one.excuses("AwsSolutions::AwsSolutions-S1", "dev/Bucket")
    assert one.excuses("AwsSolutions::AwsSolutions-S1", "dev/Bucket/Resource")


@pytest.mark.parametrize(
    ("rule", "construct"),
    [
        ("AwsSolutions::AwsSolutions-S1", "dev/Bucket2"),
        ("AwsSolutions::AwsSolutions-S1", "dev"),
        ("AwsSolutions::AwsSolutions-S10", "dev/Bucket"),
        ("AwsSolutions-S1", "dev/Bucket"),
    ],
)
def test_a_waiver_excuses_nothing_else(rule: str, construct: str) -> None:
    assert not waived("AwsSolutions::AwsSolutions-S1", "dev/Bucket").excuses(rule, construct)


@pytest.mark.parametrize(
    ("rule", "subject"),
    [
        ("AwsSolutions::AwsSolutions-KMS5", "keys"),
        ("HIPAA.Security::HIPAA.Security-KMSBackingKeyRotationEnabled", "keys"),
        ("Plumbline::PL-KMS-01", "keys"),
        ("AwsSolutions::AwsSolutions-S2", "public access"),
        ("AwsSolutions::AwsSolutions-EC23", "public access"),
        ("PCI.DSS.321::PCI.DSS.321-S3BucketPublicReadProhibited", "public access"),
        ("NIST.800.53.R5::NIST.800.53.R5-VPCNoUnrestrictedRouteToIGW", "public access"),
        ("Plumbline::PL-VPC-01", "public access"),
        ("NIST.800.53.R5::NIST.800.53.R5-IAMPolicyNoStatementsWithAdminAccess", "administrator policies"),
        (
            "AwsSolutions::AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/AdministratorAccess]",
            "administrator policies",
        ),
        ("AwsSolutions::AwsSolutions-IAM5[Action::*]", "every action"),
        ("Plumbline::PL-S3-09[Everybody]", "bucket policies are closed to the public"),
        ("Plumbline::PL-IAM-14", "nobody gives himself more"),
    ],
)
def test_some_findings_are_excused_by_no_reason(rule: str, subject: str) -> None:
    (sentence,) = broken_waivers([waived(rule, "dev/Thing")])
    assert sentence.startswith(f"dev/Thing: the waiver a-decision excuses {rule}; ")
    assert sentence.endswith(f"mended: {subject}.")


@pytest.mark.parametrize(
    "rule",
    [
        "AwsSolutions::AwsSolutions-IAM5[Resource::*]",
        "AwsSolutions::AwsSolutions-IAM5[Resource::arn:aws:kms:eu-west-1:111111111111:key/*]",
        "AwsSolutions::AwsSolutions-IAM5[Action::s3:Get*]",
        "AwsSolutions::AwsSolutions-S1",
        "AwsSolutions::AwsSolutions-IAM5[Resource::arn:aws:s3:::a-Public-bucket/*]",
        "HIPAA.Security::HIPAA.Security-S3BucketReplicationEnabled",
        "CfnLint::W3010",
    ],
)
def test_other_findings_may_be_excused(rule: str) -> None:
    assert not list(broken_waivers([waived(rule, "dev/Thing")]))


def test_one_decision_has_one_reason_owner_and_date() -> None:
    (sentence,) = broken_waivers([waived("A::A-1", "dev/One"), waived("A::A-1", "dev/Two", until=date(2098, 1, 1))])
    assert sentence == (
        "dev/Two: the waiver a-decision has another reason, owner or date than at dev/One; accepted: one of each a "
        "decision."
    )


def test_what_the_gate_leaves_is_read_again(tmp_path: Path) -> None:
    record = GateRecord(rule_sets=frozenset({"AwsSolutions"}), waivers=(waived("A::A-1[x]", "dev/Thing"),))
    write_gate_record(tmp_path, record)
    assert read_gate_record(tmp_path) == record


def test_an_assembly_of_another_app_waives_nothing(tmp_path: Path) -> None:
    assert read_gate_record(tmp_path) == GateRecord()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"rule_sets": [], "waivers": [{"decision": "x"}]}'])
def test_a_broken_record_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "gate.json").write_text(text)
    with pytest.raises(
        PlumblineError, match=r"gate\.json: it cannot be read: .*; accepted: what synth writes"
    ) as failed:
        read_gate_record(tmp_path)
    assert failed.value.exit_code == 2


_PLAIN = {
    "Decision": "a-decision",
    "Rule": "A::A-1",
    "Findings": ["x", "y"],
    "Reason": "It is so.",
    "Owner": "platform",
    "Until": "2099-01-01",
}


def _with_metadata(waiver: Mapping[str, object]) -> dict[str, object]:
    return {"Type": "AWS::SQS::Queue", "Metadata": {"Plumbline": {"Waivers": [waiver]}}}


def test_a_plain_template_waives_beside_its_resources(tmp_path: Path) -> None:
    subject = template(tmp_path, {"Queue": _with_metadata(_PLAIN)})
    assert list(declared_in(subject)) == [
        waived("A::A-1[x]", "stack.template.json#Queue"),
        waived("A::A-1[y]", "stack.template.json#Queue"),
    ]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"Reason": " "}, "Reason is missing or no text; accepted: a text."),
        ({"Owner": None}, "Owner is missing or no text; accepted: a text."),
        ({"Until": "next year"}, "Until is next year; accepted: a day, e.g. 2027-11-30."),
    ],
)
def test_a_broken_waiver_of_a_plain_template_is_named(change: dict[str, object], told: str, tmp_path: Path) -> None:
    subject = template(tmp_path, {"Queue": _with_metadata({**_PLAIN, **change})})
    with pytest.raises(PlumblineError) as failed:
        list(declared_in(subject))
    assert str(failed.value) == f"stack.template.json: Resources.Queue.Metadata.Plumbline.Waivers[0]: {told}"
