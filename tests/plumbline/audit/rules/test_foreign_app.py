"""The rules judge a stack of somebody else, as public samples write it."""

from collections import defaultdict
from pathlib import Path

import pytest

from plumbline.audit.rules import Judgement, judge
from plumbline.audit.templates import read_files

_FILE = Path(__file__).parent / "foreign" / "churn.yaml"


@pytest.fixture(scope="module")
def judgement() -> Judgement:
    return judge(read_files([_FILE]))


def _by_resource(judgement: Judgement) -> dict[str, set[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for finding in judgement.findings:
        found[finding.resource].add(finding.rule)
    return found


def test_what_is_wrong_with_the_pipeline_is_named(judgement: Judgement) -> None:
    # It has a time limit, no spot instances, no registration, no secret and no shell; its image's tag is `latest`.
    expected = {f"PL-PD-{number:02}" for number in (2, 3, 4, 5, 6, 8, 10)}
    assert _by_resource(judgement)["Pipeline"] == expected


def test_what_is_wrong_with_the_role_is_named(judgement: Judgement) -> None:
    expected = {f"PL-IAM-{number:02}" for number in (1, 3, 4, 5, 8, 9, 12, 13, 23)}
    assert _by_resource(judgement)["Role"] == expected


def test_what_is_wrong_with_the_model_and_its_endpoint_is_named(judgement: Judgement) -> None:
    found = _by_resource(judgement)
    assert found["Model"] == {"PL-SM-01", "PL-SM-02", "PL-SM-03", "PL-SM-05"}
    assert found["Config"] == {"PL-EP-01", "PL-EP-02", "PL-EP-04"}
    assert found["Endpoint"] == {"PL-EP-05"}


def test_the_way_to_deploy_it_that_breaks_a_rule_is_told(judgement: Judgement) -> None:
    messages = [finding.message for finding in judgement.findings]
    assert "KmsKeyId is missing; accepted: a customer managed key, where HasKey is false." in messages
    assert "VpcConfig is missing; accepted: two subnets and a security group, where IsProd is false." in messages
    assert "ProductionVariants[0].InitialInstanceCount is 1; accepted: at least 2." in messages


def test_nothing_of_it_is_out_of_sight(judgement: Judgement) -> None:
    assert not [finding for finding in judgement.findings if finding.rule.startswith("PL-TPL")]


def test_every_finding_names_the_file(judgement: Judgement) -> None:
    assert {finding.file for finding in judgement.findings} == {str(_FILE)}
