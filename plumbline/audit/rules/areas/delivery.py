"""CodeBuild and CodePipeline: what changes everything else."""

import re
from collections.abc import Iterator

from plumbline.audit.findings import Severity
from plumbline.audit.rules.areas.models import secrets_in
from plumbline.audit.rules.controls import (
    AUDIT_TRAIL,
    CHANGE_CONTROL,
    ENCRYPTION_AT_REST,
    HARDENING,
    INTEGRITY,
    SECRETS,
    SEPARATION_OF_DUTIES,
    answers,
)
from plumbline.audit.rules.expectations import (
    must_be_a_key,
    must_be_given,
    must_be_one_of,
    must_not_be_true,
    number,
    wrong,
)
from plumbline.audit.rules.part import Part
from plumbline.audit.rules.rule import Violation, rule
from plumbline.audit.rules.template import Resource

PROJECT = "AWS::CodeBuild::Project"
PIPELINE = "AWS::CodePipeline::Pipeline"
_PRODUCTION = re.compile(r"(?<![a-z])(prod|production|live)(?![a-z])|(?<=[a-z])Prod|^prod", re.IGNORECASE)
_OTHER_ENVIRONMENT = re.compile(r"dev|test|stag|qa|sandbox|pre-?prod|non-?prod|beta|gamma", re.IGNORECASE)
_DEPLOYS = ("Deploy",)


@rule(
    id="PL-CB-01",
    title="Builds are not privileged",
    sense="A privileged container is root on its host: any dependency of the build is, too.",
    remedy="Set Environment.PrivilegedMode to false; build images without Docker in Docker, or waive the one project.",
    severity=Severity.HIGH,
    controls=answers(HARDENING),
    types=(PROJECT,),
)
def builds_are_not_privileged(project: Resource) -> Iterator[Violation]:
    yield from must_not_be_true(project.at("Environment.PrivilegedMode"))


@rule(
    id="PL-CB-02",
    title="Builds encrypt what they make with a customer managed key",
    sense="Artifacts are what is deployed: whoever reads them knows it, whoever writes them owns it.",
    remedy="Set EncryptionKey.",
    severity=Severity.MEDIUM,
    controls=answers(ENCRYPTION_AT_REST),
    types=(PROJECT,),
)
def builds_encrypt_with_a_key(project: Resource) -> Iterator[Violation]:
    yield from must_be_a_key(project.at("EncryptionKey"))


@rule(
    id="PL-CB-03",
    title="Builds carry no secret in plain text",
    sense="Whoever may describe the project, or read a log, reads the secret.",
    remedy="Use the type SECRETS_MANAGER or PARAMETER_STORE.",
    severity=Severity.CRITICAL,
    controls=answers(SECRETS, security_hub=("CodeBuild.2",)),
    types=(PROJECT,),
)
def builds_carry_no_secret(project: Resource) -> Iterator[Violation]:
    for variable in project.at("Environment.EnvironmentVariables").items:
        if variable.at("Type").text in ("", "PLAINTEXT"):
            named = {variable.at("Name").text: variable.at("Value").value}
            yield from secrets_in(Part(value=dict(named), path=variable.path, context=variable.context))


@rule(
    id="PL-CB-04",
    title="Builds are logged, and logs in S3 are encrypted",
    sense="Without a log nobody can tell what was built from what.",
    remedy="Leave CloudWatchLogs enabled, and EncryptionDisabled of S3Logs false.",
    severity=Severity.MEDIUM,
    controls=answers(AUDIT_TRAIL, ENCRYPTION_AT_REST, security_hub=("CodeBuild.3", "CodeBuild.4")),
    types=(PROJECT,),
)
def builds_are_logged(project: Resource) -> Iterator[Violation]:
    logs = project.at("LogsConfig")
    statuses = (logs.at("CloudWatchLogs.Status"), logs.at("S3Logs.Status"))
    # CloudWatch Logs are on unless they are switched off.
    if statuses[0].text == "DISABLED" and statuses[1].text != "ENABLED":
        yield wrong(statuses[0], "DISABLED", "logs in CloudWatch or S3")
    yield from must_not_be_true(logs.at("S3Logs.EncryptionDisabled"))


@rule(
    id="PL-CB-05",
    title="Artifacts of builds are encrypted",
    sense="Artifacts are what is deployed.",
    remedy="Leave EncryptionDisabled of artifacts and of the cache out.",
    severity=Severity.HIGH,
    controls=answers(ENCRYPTION_AT_REST),
    types=(PROJECT,),
)
def build_artifacts_are_encrypted(project: Resource) -> Iterator[Violation]:
    yield from must_not_be_true(project.at("Artifacts.EncryptionDisabled"))
    for artifacts in project.at("SecondaryArtifacts").items:
        yield from must_not_be_true(artifacts.at("EncryptionDisabled"))


@rule(
    id="PL-CB-06",
    title="Builds have a time limit",
    sense="A build that hangs, or that mines, is billed until it is stopped.",
    remedy="Set TimeoutInMinutes to 480 or less.",
    severity=Severity.LOW,
    controls=answers(HARDENING),
    types=(PROJECT,),
    applies=lambda project: project.at("TimeoutInMinutes").is_there,
)
def builds_end(project: Resource) -> Iterator[Violation]:
    limit = project.at("TimeoutInMinutes")
    value = number(limit.possible[0]) if len(limit.possible) == 1 else None
    if value is None or value > 480:
        yield wrong(limit, limit.possible[-1], "480 minutes or less")


@rule(
    id="PL-CP-01",
    title="Artifacts of pipelines are encrypted with a customer managed key",
    sense="The default key cannot be shared: cross-account stages fail, and nobody can say who may read what is "
    "deployed.",
    remedy="Give each artifact store an EncryptionKey of type KMS.",
    severity=Severity.HIGH,
    controls=answers(ENCRYPTION_AT_REST),
    types=(PIPELINE,),
)
def artifacts_are_encrypted(pipeline: Resource) -> Iterator[Violation]:
    """CodePipeline user guide, "Configure server-side encryption for artifacts"."""
    stores = [item.at("ArtifactStore") for item in pipeline.at("ArtifactStores").items]
    for store in stores or [pipeline.at("ArtifactStore")]:
        yield from must_be_a_key(store.at("EncryptionKey.Id"), subject=store.name)


@rule(
    id="PL-CP-02",
    title="Somebody approves what goes to production",
    sense="Without an approval whatever is merged, or registered, is in production minutes later.",
    remedy="Put an action of category Approval before the first action that deploys to production.",
    severity=Severity.HIGH,
    controls=answers(CHANGE_CONTROL, SEPARATION_OF_DUTIES),
    types=(PIPELINE,),
    applies=lambda pipeline: _production(pipeline) is not None,
)
def production_is_approved(pipeline: Resource) -> Iterator[Violation]:
    """Stages and actions named for production; in a pipeline that names none, its last stage that deploys."""
    target = _production(pipeline)
    if target is None:
        return
    stage_number, action, order = target
    for number_, stage in enumerate(pipeline.at("Stages").items):
        for candidate in stage.at("Actions").items:
            before = number_ < stage_number or (number_ == stage_number and _order(candidate) < order)
            if before and candidate.at("ActionTypeId.Category").text == "Approval":
                return
    name = action.at("Name").text
    message = (
        f"Action {name} of stage {number_name(pipeline, stage_number)} deploys to production without an approval; "
    )
    yield Violation(path=action.path, message=f"{message}accepted: a manual approval before it.", subject=name)


def number_name(pipeline: Resource, stage: int) -> str:
    """The name of a stage by its place."""
    return pipeline.at("Stages").items[stage].at("Name").text


def _order(action: Part) -> float:
    return number(action.at("RunOrder").possible[0] if action.at("RunOrder").is_there else 1) or 1


def _production(pipeline: Resource) -> tuple[int, Part, float] | None:
    """The first action that deploys to production, with the number of its stage and its order in it."""
    deploying = [
        (number_, action, _order(action), f"{stage.at('Name').text} {action.at('Name').text}")
        for number_, stage in enumerate(pipeline.at("Stages").items)
        for action in sorted(stage.at("Actions").items, key=_order)
        if action.at("ActionTypeId.Category").text in _DEPLOYS
    ]
    named = [
        one for one in deploying if _PRODUCTION.search(one[3]) and not re.search("pre-?prod|non-?prod", one[3], re.I)
    ]
    if not named and deploying and not _OTHER_ENVIRONMENT.search(deploying[-1][3]):
        named = [one for one in deploying if one[0] == deploying[-1][0]]
    return named[0][:3] if named else None


@rule(
    id="PL-CP-03",
    title="Pipelines are of type V2",
    sense="Type V1 has no queued executions: two changes overtake each other on the way to production.",
    remedy="Set PipelineType to V2 and ExecutionMode to QUEUED or SUPERSEDED.",
    severity=Severity.LOW,
    controls=answers(CHANGE_CONTROL),
    types=(PIPELINE,),
)
def pipelines_are_v2(pipeline: Resource) -> Iterator[Violation]:
    yield from must_be_one_of(pipeline.at("PipelineType"), "V2")


@rule(
    id="PL-CP-04",
    title="Sources are read through a connection, not a person's token",
    sense="A person's token reads all that the person may, is shared by whoever knows it, and leaves with the person.",
    remedy="Use CodeConnections (provider CodeStarSourceConnection), CodeCommit, ECR or S3.",
    severity=Severity.HIGH,
    controls=answers(SECRETS, INTEGRITY),
    types=(PIPELINE,),
)
def sources_are_connected(pipeline: Resource) -> Iterator[Violation]:
    for stage in pipeline.at("Stages").items:
        for action in stage.at("Actions").items:
            if action.at("ActionTypeId.Category").text == "Source":
                for name in ("OAuthToken", "SecretToken"):
                    token = action.at(f"Configuration.{name}")
                    if token.is_there:
                        message = f"{token.name} is a token; accepted: a connection."
                        yield Violation(path=token.path, message=message, subject=action.at("Name").text)


@rule(
    id="PL-CP-05",
    title="Actions in another account have a role there",
    sense="Without a role of its own a foreign action runs with all that the pipeline may.",
    remedy="Give each action that deploys a RoleArn.",
    severity=Severity.LOW,
    controls=answers(SEPARATION_OF_DUTIES),
    types=(PIPELINE,),
    applies=lambda pipeline: any(
        action.at("ActionTypeId.Category").text in _DEPLOYS
        for stage in pipeline.at("Stages").items
        for action in stage.at("Actions").items
    ),
)
def deploying_actions_have_roles(pipeline: Resource) -> Iterator[Violation]:
    for stage in pipeline.at("Stages").items:
        for action in stage.at("Actions").items:
            if action.at("ActionTypeId.Category").text in _DEPLOYS:
                yield from must_be_given(
                    action.at("RoleArn"), "a role of the action's own", subject=action.at("Name").text
                )
