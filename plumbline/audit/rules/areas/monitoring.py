"""Managed monitors: job definitions and schedules."""

from collections.abc import Iterator

from plumbline.audit.findings import Severity
from plumbline.audit.rules.controls import ENCRYPTION_AT_REST, ENCRYPTION_IN_TRANSIT, LIMITS, NETWORK_BOUNDARY, answers
from plumbline.audit.rules.expectations import must_be_a_key, must_be_between, must_be_in_a_vpc, must_be_true
from plumbline.audit.rules.part import Part
from plumbline.audit.rules.rule import Check, Rule, Violation, rule
from plumbline.audit.rules.template import Resource

DATA_QUALITY = "AWS::SageMaker::DataQualityJobDefinition"
MODEL_BIAS = "AWS::SageMaker::ModelBiasJobDefinition"
EXPLAINABILITY = "AWS::SageMaker::ModelExplainabilityJobDefinition"
MODEL_QUALITY = "AWS::SageMaker::ModelQualityJobDefinition"
SCHEDULE = "AWS::SageMaker::MonitoringSchedule"
_DEFINITIONS = (DATA_QUALITY, MODEL_BIAS, EXPLAINABILITY, MODEL_QUALITY)
_INLINE = "MonitoringScheduleConfig.MonitoringJobDefinition"
_OUTPUTS = {
    DATA_QUALITY: "DataQualityJobOutputConfig",
    MODEL_BIAS: "ModelBiasJobOutputConfig",
    EXPLAINABILITY: "ModelExplainabilityJobOutputConfig",
    MODEL_QUALITY: "ModelQualityJobOutputConfig",
}
_HOUR = 3600
_DAY = 86_400


def _job(resource: Resource) -> Part:
    """The job of a definition; of a schedule that has it inline, of the schedule."""
    return resource.at(_INLINE) if resource.type == SCHEDULE else resource.properties


def _has_a_job(resource: Resource) -> bool:
    # A schedule that names a definition is judged by the definition.
    return resource.type != SCHEDULE or not resource.at("MonitoringScheduleConfig.MonitoringJobDefinitionName").is_there


def _isolated(resource: Resource) -> Iterator[Violation]:
    yield from must_be_true(_job(resource).at("NetworkConfig.EnableNetworkIsolation"))


def _encrypted_between(resource: Resource) -> Iterator[Violation]:
    yield from must_be_true(_job(resource).at("NetworkConfig.EnableInterContainerTrafficEncryption"))


def _isolation(id_: str, title: str, resource_type: str, control: str) -> Rule:
    return _network(id_, f"{title} are isolated from the network", resource_type, control, _isolated)


def _encryption(id_: str, title: str, resource_type: str, control: str) -> Rule:
    return _network(id_, f"{title} encrypt what their containers exchange", resource_type, control, _encrypted_between)


def _network(id_: str, title: str, resource_type: str, control: str, check: Check) -> Rule:
    """One rule a type: Security Hub has one control a type ("Security Hub CSPM controls for SageMaker AI")."""
    is_isolation = check is _isolated
    setting = "EnableNetworkIsolation" if is_isolation else "EnableInterContainerTrafficEncryption"
    return rule(
        id=id_,
        title=title,
        sense="A monitor reads all captured requests; a connection of its own could carry them away."
        if is_isolation
        else "A monitor on several instances sends captured requests from one to another.",
        remedy=f"Set NetworkConfig.{setting} to true.",
        severity=Severity.HIGH if is_isolation else Severity.MEDIUM,
        controls=answers(NETWORK_BOUNDARY if is_isolation else ENCRYPTION_IN_TRANSIT, security_hub=(control,)),
        types=(resource_type,),
        applies=_has_a_job,
    )(check)


data_quality_isolation = _isolation("PL-MON-01", "Data-quality jobs", DATA_QUALITY, "SageMaker.11")
bias_isolation = _isolation("PL-MON-02", "Bias jobs", MODEL_BIAS, "SageMaker.12")
explainability_isolation = _isolation("PL-MON-03", "Explainability jobs", EXPLAINABILITY, "SageMaker.20")
model_quality_isolation = _isolation("PL-MON-04", "Model-quality jobs", MODEL_QUALITY, "SageMaker.25")
schedule_isolation = _isolation("PL-MON-05", "Monitoring schedules", SCHEDULE, "SageMaker.14")
data_quality_encryption = _encryption("PL-MON-06", "Data-quality jobs", DATA_QUALITY, "SageMaker.9")
explainability_encryption = _encryption("PL-MON-07", "Explainability jobs", EXPLAINABILITY, "SageMaker.10")
model_quality_encryption = _encryption("PL-MON-08", "Model-quality jobs", MODEL_QUALITY, "SageMaker.13")
bias_encryption = _encryption("PL-MON-09", "Bias jobs", MODEL_BIAS, "SageMaker.15")
schedule_encryption = _encryption("PL-MON-10", "Monitoring schedules", SCHEDULE, "SageMaker.22")


@rule(
    id="PL-MON-11",
    title="Monitors run in a VPC, in two subnets",
    sense="Outside a VPC no security group, endpoint policy or flow log sees what a monitor does with captured "
    "requests.",
    remedy="Give NetworkConfig a VpcConfig with private subnets of at least two zones and a closed security group.",
    severity=Severity.HIGH,
    controls=answers(NETWORK_BOUNDARY),
    types=(*_DEFINITIONS, SCHEDULE),
    applies=_has_a_job,
)
def monitors_run_in_a_vpc(resource: Resource) -> Iterator[Violation]:
    yield from must_be_in_a_vpc(_job(resource).at("NetworkConfig.VpcConfig"))


@rule(
    id="PL-MON-12",
    title="Volumes of monitors are encrypted with a customer managed key",
    sense="The volume holds the captured requests of a whole window.",
    remedy="Set ClusterConfig.VolumeKmsKeyId.",
    severity=Severity.MEDIUM,
    controls=answers(ENCRYPTION_AT_REST),
    types=(*_DEFINITIONS, SCHEDULE),
    applies=_has_a_job,
)
def monitor_volumes_are_encrypted(resource: Resource) -> Iterator[Violation]:
    resources = "MonitoringResources" if resource.type == SCHEDULE else "JobResources"
    yield from must_be_a_key(_job(resource).at(f"{resources}.ClusterConfig.VolumeKmsKeyId"))


@rule(
    id="PL-MON-13",
    title="Reports of monitors are encrypted with a customer managed key",
    sense="Statistics of the inputs say much about the people behind them.",
    remedy="Set KmsKeyId of the job's output configuration.",
    severity=Severity.MEDIUM,
    controls=answers(ENCRYPTION_AT_REST),
    types=(*_DEFINITIONS, SCHEDULE),
    applies=_has_a_job,
)
def monitor_outputs_are_encrypted(resource: Resource) -> Iterator[Violation]:
    output = "MonitoringOutputConfig" if resource.type == SCHEDULE else _OUTPUTS[resource.type]
    yield from must_be_a_key(_job(resource).at(f"{output}.KmsKeyId"))


@rule(
    id="PL-MON-14",
    title="Monitors have a time limit",
    sense="A monitor that hangs is billed until it is stopped, and the next window never starts.",
    remedy="Set StoppingCondition.MaxRuntimeInSeconds to the schedule's interval at most: 3600 s when it is "
    "hourly, a day else.",
    severity=Severity.LOW,
    controls=answers(LIMITS),
    types=(*_DEFINITIONS, SCHEDULE),
    applies=_has_a_job,
)
def monitors_end(resource: Resource) -> Iterator[Violation]:
    """SageMaker API reference, "MonitoringStoppingCondition": at most the frequency, which is an hour or a day."""
    expression = resource.at("MonitoringScheduleConfig.ScheduleConfig.ScheduleExpression").text
    most = _HOUR if expression.startswith("cron(0 * ") else _DAY
    yield from must_be_between(_job(resource).at("StoppingCondition.MaxRuntimeInSeconds"), 1, most, unit=" s")
