"""What is read of cdk-nag's packs is what they ask."""

import tarfile
from collections import Counter
from pathlib import Path

import cdk_nag
import pytest

from plumbline.audit.packs import FRAMEWORKS, PackRule, pack_rules

# Of cdk-nag 3.0.2.
_COUNTS = {"AwsSolutions": 131, "HIPAA.Security": 90, "NIST.800.53.R5": 85, "PCI.DSS.321": 69}


@pytest.fixture(scope="module")
def rules() -> dict[str, PackRule]:
    return {rule.id: rule for rule in pack_rules()}


def test_every_rule_of_every_pack_is_there(rules: dict[str, PackRule]) -> None:
    assert Counter(rule.pack for rule in rules.values()) == _COUNTS


def test_no_rule_is_missed_in_the_packs_own_text() -> None:
    (archive,) = (Path(cdk_nag.__file__).parent / "_jsii").glob("*.tgz")
    with tarfile.open(archive) as packed:
        script = packed.extractfile("package/lib/packs/nist-800-53-r5.js")
        assert script is not None
        assert script.read().decode().count("this.applyRule(") == _COUNTS["NIST.800.53.R5"]


def test_every_rule_of_a_pack_with_a_framework_names_controls(rules: dict[str, PackRule]) -> None:
    for rule in rules.values():
        assert bool(rule.controls) == (rule.pack in FRAMEWORKS), rule.id


def test_controls_are_apart_from_each_other(rules: dict[str, PackRule]) -> None:
    for rule in rules.values():
        assert not [control for control in rule.controls if "," in control or " " in control], rule.id


def test_every_rule_says_what_it_looks_at(rules: dict[str, PackRule]) -> None:
    assert not [rule.id for rule in rules.values() if not rule.types]


def test_a_rule_is_read_whole(rules: dict[str, PackRule]) -> None:
    rule = rules["HIPAA.Security::HIPAA.Security-S3BucketLoggingEnabled"]
    assert rule.finding == "The S3 Bucket does not have server access logs enabled"
    assert rule.controls == ("164.308(a)(3)(ii)(A)", "164.312(b)")
    assert rule.looks_at("AWS::S3::Bucket")
    assert not rule.looks_at("AWS::S3::BucketPolicy")


def test_a_rule_with_a_name_of_its_pack_has_it(rules: dict[str, PackRule]) -> None:
    assert rules["AwsSolutions::AwsSolutions-IAM5"].looks_at("AWS::IAM::ManagedPolicy")
