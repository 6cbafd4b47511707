"""The actions that there are: what each takes, and how long it may take.

Sources: user guide, "Action structure reference" (configuration, artifacts) and "Quotas in AWS CodePipeline" (times).
"""

import dataclasses
from collections.abc import Mapping

_MINUTE, _HOUR, _DAY = 60, 3600, 24 * 3600


@dataclasses.dataclass(frozen=True, kw_only=True)
class Provider:
    """One kind of action.

    Attributes:
        required: The keys that its configuration must have.
        optional: The keys that it may have.
        inputs: The least and the most input artifacts.
        outputs: The least and the most output artifacts.
        seconds: How long it may take.
        listens: The key that says whether a change starts the pipeline; empty for an action that is no such source.
        refused: Values that the rehearsal does not have, by key.
    """

    required: frozenset[str]
    optional: frozenset[str] = frozenset()
    inputs: tuple[int, int]
    outputs: tuple[int, int]
    seconds: int
    listens: str = ""
    refused: Mapping[str, frozenset[str]] = dataclasses.field(default_factory=dict)


_CODEBUILD = Provider(
    required=frozenset({"ProjectName"}),
    optional=frozenset({"PrimarySource", "BatchEnabled", "CombineArtifacts", "EnvironmentVariables"}),
    inputs=(1, 5),
    outputs=(0, 5),
    seconds=36 * _HOUR,
    refused={"BatchEnabled": frozenset({"true"}), "CombineArtifacts": frozenset({"true"})},
)
CLOUDFORMATION_MODES = frozenset({"CHANGE_SET_REPLACE", "CHANGE_SET_EXECUTE", "CREATE_UPDATE", "DELETE_ONLY"})

PROVIDERS: Mapping[tuple[str, str], Provider] = {
    ("Source", "CodeStarSourceConnection"): Provider(
        required=frozenset({"ConnectionArn", "FullRepositoryId", "BranchName"}),
        optional=frozenset({"OutputArtifactFormat", "DetectChanges"}),
        inputs=(0, 0),
        outputs=(1, 1),
        seconds=_HOUR,
        listens="DetectChanges",
    ),
    ("Source", "CodeCommit"): Provider(
        required=frozenset({"RepositoryName", "BranchName"}),
        optional=frozenset({"PollForSourceChanges", "OutputArtifactFormat"}),
        inputs=(0, 0),
        outputs=(1, 1),
        seconds=_HOUR,
        listens="PollForSourceChanges",
    ),
    ("Source", "S3"): Provider(
        required=frozenset({"S3Bucket", "S3ObjectKey"}),
        optional=frozenset({"PollForSourceChanges", "AllowOverrideForS3ObjectKey"}),
        inputs=(0, 0),
        outputs=(1, 1),
        seconds=_HOUR,
    ),
    ("Build", "CodeBuild"): _CODEBUILD,
    ("Test", "CodeBuild"): _CODEBUILD,
    ("Deploy", "CloudFormation"): Provider(
        required=frozenset({"ActionMode", "StackName"}),
        optional=frozenset(
            {"Capabilities", "ChangeSetName", "RoleArn", "TemplatePath", "TemplateConfiguration", "ParameterOverrides"}
            | {"OutputFileName"}
        ),
        inputs=(0, 10),
        outputs=(0, 1),
        seconds=3 * _DAY,
    ),
    ("Approval", "Manual"): Provider(
        required=frozenset(),
        optional=frozenset({"CustomData", "ExternalEntityLink", "NotificationArn"}),
        inputs=(0, 0),
        outputs=(0, 0),
        seconds=7 * _DAY,
    ),
    ("Invoke", "Lambda"): Provider(
        required=frozenset({"FunctionName"}),
        optional=frozenset({"UserParameters"}),
        inputs=(0, 5),
        outputs=(0, 5),
        seconds=24 * _HOUR,
    ),
}


def seconds_of(action: Mapping[str, object]) -> float:
    """How long an action may take: its own time-out, which approvals alone have, or its provider's.

    Args:
        action: Its declaration.
    """
    given = action.get("timeoutInMinutes")
    if isinstance(given, int):
        return given * _MINUTE
    kind = action["actionTypeId"]
    assert isinstance(kind, Mapping)  # noqa: S101 - every declaration was held against the model
    return PROVIDERS[str(kind["category"]), str(kind["provider"])].seconds
