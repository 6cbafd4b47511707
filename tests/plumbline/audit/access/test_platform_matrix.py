"""Every row of the platform's own table holds, and a weakened policy breaks the rows that it upheld."""

from collections.abc import Callable, Sequence

import pytest

from plumbline.audit.access.engine import SimulationEngine
from plumbline.audit.access.matrix import Access, MatrixReport, Verdict
from plumbline.audit.access.notation import read_table
from plumbline.audit.access.simulation import RememberingEngine
from plumbline.audit.json_value import Json
from tests.house.layouts import FOUR_ACCOUNTS, IN_CODECOMMIT, IN_S3, MODEL_MONITOR, ONE_ACCOUNT, TWO_ACCOUNTS
from tests.plumbline.audit.access.platform import (
    Resource,
    own_platform,
    platform_as_configured,
    platform_of_an_organization,
)
from tests.plumbline.audit.access.small import trust

pytestmark = pytest.mark.thorough(reason="it decides all rows of the matrix, as `./plumb audit` does")


@pytest.fixture(scope="module")
def engine(simulator: SimulationEngine) -> RememberingEngine:
    """What was decided once is not decided again for each change."""
    return RememberingEngine(simulator)


@pytest.fixture(scope="module")
def report(engine: RememberingEngine) -> MatrixReport:
    return own_platform().judged_by(engine)


def _sentences(verdicts: Sequence[Verdict]) -> list[str]:
    return [
        f"{v.row.rule}: {v.row.principal} {v.row.request} {v.row.circumstances}: {v.decided} ({v.decided_by})"
        for v in verdicts
    ]


def test_every_row_of_the_platform_holds(report: MatrixReport) -> None:
    assert _sentences(report.failures) == []


def test_nothing_of_the_platform_is_unknown_or_missing(report: MatrixReport) -> None:
    assert report.problems == ()
    assert report.missing == ()


def test_the_matrix_has_rows_in_both_directions(report: MatrixReport) -> None:
    allowed = [verdict for verdict in report.verdicts if verdict.expected is Access.ALLOWED]
    assert len(report.verdicts) >= 250
    assert 250 <= len(allowed) < len(report.verdicts) / 2


def test_every_row_says_why_it_matters_and_what_decided_it(report: MatrixReport) -> None:
    assert [v for v in report.verdicts if not v.row.why or not v.decided_by] == []


def _left_out_for(report: MatrixReport) -> set[str]:
    """What the configuration lacks that the rules which are left out are about."""
    by_name = {rule.name: rule for _, rule in read_table().rules}
    return {trait for name in report.left_out for trait in by_name[name].only_if}


_OTHER_SOURCES = {"source in CodeCommit", "source in S3", "source that a rule hears of"}
_OTHER_ACCOUNTS = {"delivery in its own account", "delivery records itself"}
_OTHER_MONITORS = {"model monitor"}


def test_only_rules_about_an_organisation_and_other_layouts_are_left_out(report: MatrixReport) -> None:
    assert _left_out_for(report) == {"organization", *_OTHER_SOURCES, *_OTHER_ACCOUNTS, *_OTHER_MONITORS}


def test_every_row_holds_in_an_organisation(engine: RememberingEngine) -> None:
    report = platform_of_an_organization().judged_by(engine)
    assert _sentences(report.failures) == []
    assert (report.problems, report.missing) == ((), ())
    assert _left_out_for(report) == _OTHER_SOURCES | _OTHER_ACCOUNTS | _OTHER_MONITORS


@pytest.mark.parametrize(
    ("text", "asked", "left_out"),
    [
        (IN_S3, {"source in S3"}, {"source in CodeCommit"}),
        (IN_CODECOMMIT, {"source in CodeCommit"}, {"source in S3"}),
        (FOUR_ACCOUNTS, {"delivery in its own account", "several accounts"}, set()),
        (TWO_ACCOUNTS, {"environments apart", "several accounts"}, set()),
        (ONE_ACCOUNT, set(), {"environments apart", "several accounts"}),
        (MODEL_MONITOR, {"model monitor"}, {"portable monitors"}),
    ],
    ids=["s3", "codecommit", "four accounts", "two accounts", "one account", "model monitor"],
)
def test_every_row_holds_in_another_layout(
    engine: RememberingEngine, text: str, asked: set[str], left_out: set[str]
) -> None:
    report = platform_as_configured(text).judged_by(engine)
    assert _sentences(report.failures) == []
    assert (report.problems, report.missing) == ((), ())
    assert left_out <= _left_out_for(report)
    assert not asked & _left_out_for(report)


# ------------------------------------------------------------------------------------------------ weakened policies
def _statement(resources: dict[str, Resource], name: str, sid: str) -> Resource:
    """A statement of a policy, by the beginning of the logical id of what has it."""
    for logical_id, found in resources.items():
        properties = found["Properties"]
        if not logical_id.startswith(name) or not isinstance(properties, dict):
            continue
        for key in ("PolicyDocument", "KeyPolicy", "AssumeRolePolicyDocument", "Content", "RepositoryPolicyText"):
            document = properties.get(key)
            if isinstance(document, dict):
                for statement in document["Statement"]:  # type: ignore[union-attr]
                    if isinstance(statement, dict) and statement.get("Sid") == sid:
                        return statement
    raise AssertionError(f"no statement {sid} in {name}: this test changes nothing")


def _broken(name: str, sid: str, **changes: Json) -> Callable[[dict[str, Resource]], None]:
    def change(resources: dict[str, Resource]) -> None:
        statement = _statement(resources, name, sid)
        for key, value in changes.items():
            if value is None:
                del statement[key]
            else:
                statement[key] = value

    return change


NEVER: Json = {"StringEquals": {"aws:PrincipalAccount": "000000000000"}}
WEAKER = [
    (
        "devtraining",
        "TrainingRolePolicy",
        "StartJobsInTheVpc",
        {"Condition": None},
        "the pipeline starts training jobs as they have to be",
    ),
    (
        "devtraining",
        "TrainingRolePolicy",
        "DenyJobsWithoutVolumeKey",
        {"Condition": NEVER},
        "the pipeline starts training jobs as they have to be",
    ),
    (
        "devtraining",
        "TrainingRolePolicy",
        "PassJobRoles",
        {"Condition": None},
        "the pipeline passes job roles to SageMaker and to no other service",
    ),
    ("devtraining", "TrainingRolePolicy", "RegisterVersions", {"Condition": None}, "the pipeline approves nothing"),
    ("devtraining", "RolesTrainRolePolicy", "ReadObjects", {"Resource": "*"}, "jobs that train keep off other models"),
    ("devtraining", "RolesTrainRolePolicy", "WriteObjects", {"Action": "s3:*"}, "jobs delete nothing"),
    (
        "devtraining",
        "RolesTrainRolePolicy",
        "PublishMetrics",
        {"Condition": None},
        "training jobs publish metrics of their own",
    ),
    (
        "devtraining",
        "RolesTrainRole",
        "AssumeForOwnAccount",
        {"Condition": None},
        "SageMaker assumes job roles for this account",
    ),
    (
        "devfoundation",
        "BucketsDataBucketPolicy",
        "DenyOtherKeys",
        {"Condition": NEVER},
        "what prepare writes has the bucket's key",
    ),
    ("devfoundation", "KeysData", "UseThroughServices", {"Condition": None}, "no administrator reads data"),
    (
        "devfoundation",
        "KeysOperations",
        "EncryptLogGroups",
        {"Condition": None},
        "CloudWatch Logs encrypts the platform's log groups",
    ),
    (
        "devfoundation",
        "NetworkS3",
        "PlatformAccounts",
        {"Condition": None},
        "our credentials do not get out through S3",
    ),
    (
        "stagingoperations",
        "ApproverPersonRole",
        "AssumeWithSecondFactor",
        {"Condition": None},
        "approvers come with a second factor",
    ),
    (
        "stagingoperations",
        "ApproverPersonRolePolicy",
        "ApproveVersions",
        {"Condition": None},
        "approvers approve versions",
    ),
    (
        "productionaccess",
        "ReleaseRole",
        "AssumeFromReleasePipeline",
        {"Condition": None},
        "nobody else assumes a release role",
    ),
    (
        "stagingfoundation",
        "BucketsData",
        "DenyAllButReplicas",
        {"Condition": NEVER},
        "nobody but replication writes labelled data in staging",
    ),
    (
        "productionaccess",
        "LabelRole",
        "AssumeFromOwnAccount",
        {"Condition": None},
        "nobody else delivers labels",
    ),
    ("bootstrap", "Boundary", "DenyObjectsFromOutsideTheVpc", {"Condition": NEVER}, "train's own work"),
    (
        "bootstrap",
        "ExecutionIdentities",
        "MakeBoundedRoles",
        {"Condition": None},
        "CloudFormation makes roles with the boundary",
    ),
    (
        "bootstrap",
        "ExecutionIdentities",
        "DenyChangingItsOwnLimits",
        {"Condition": NEVER},
        "CloudFormation looks after policies of the platform",
    ),
]


@pytest.mark.parametrize(
    ("file", "name", "sid", "changes", "rule"), WEAKER, ids=[f"{case[1]}-{case[2]}" for case in WEAKER]
)
def test_a_weakened_policy_breaks_the_rows_that_it_upheld(
    engine: RememberingEngine, file: str, name: str, sid: str, changes: dict[str, Json], rule: str
) -> None:
    weaker = own_platform().with_change(file, _broken(name, sid, **changes))
    failures = weaker.judged_by(engine).failures
    assert rule in {verdict.row.rule for verdict in failures}
    assert {verdict.decided for verdict in failures} == {Access.ALLOWED}


def test_a_role_without_its_boundary_is_more_than_it_was(engine: RememberingEngine) -> None:
    def change(resources: dict[str, Resource]) -> None:
        roles = [found for found in resources.values() if found["Type"] == "AWS::IAM::Role"]
        (role,) = [found for found in roles if str(found["Properties"]).count("-train'")]
        properties = role["Properties"]
        assert isinstance(properties, dict)
        del properties["PermissionsBoundary"]

    failures = own_platform().with_change("devtraining", change).judged_by(engine).failures
    assert "train's own work" in {verdict.row.rule for verdict in failures}


def test_a_permission_that_is_gone_breaks_the_rows_that_needed_it(engine: RememberingEngine) -> None:
    without = own_platform().with_change("devtraining", _broken("RolesTrainRolePolicy", "WriteLogs", Effect="Deny"))
    failures = without.judged_by(engine).failures
    assert {verdict.row.rule for verdict in failures} == {"training jobs write their log and nothing else"}
    assert {verdict.decided for verdict in failures} == {Access.DENIED}


def test_a_new_role_needs_rows_of_its_own(engine: RememberingEngine) -> None:
    def change(resources: dict[str, Resource]) -> None:
        resources["New"] = {
            "Type": "AWS::IAM::Role",
            "Properties": {"RoleName": "plumbline-dev-new", "AssumeRolePolicyDocument": trust()},
        }

    missing = own_platform().with_change("devoperations", change).judged_by(engine).missing
    assert len(missing) == 4
    assert all("no rule says of the role plumbline-dev-new" in sentence for sentence in missing)
