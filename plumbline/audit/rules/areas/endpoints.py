"""Endpoints: encryption, capture, and deployments that take themselves back."""

import math
from collections.abc import Iterator

from plumbline.audit.findings import Severity
from plumbline.audit.json_value import Json
from plumbline.audit.rules.controls import (
    AVAILABILITY,
    CHANGE_CONTROL,
    ENCRYPTION_AT_REST,
    HARDENING,
    LEAST_PRIVILEGE,
    LIMITS,
    MONITORING,
    answers,
)
from plumbline.audit.rules.expectations import (
    known_number,
    must_be,
    must_be_a_key,
    must_be_at_least,
    must_be_between,
    must_be_given,
    must_be_true,
    must_hold,
    must_not_be_true,
    wrong,
)
from plumbline.audit.rules.part import Part
from plumbline.audit.rules.rule import Violation, rule
from plumbline.audit.rules.template import Resource

CONFIG = "AWS::SageMaker::EndpointConfig"
ENDPOINT = "AWS::SageMaker::Endpoint"
# Families whose local NVMe storage refuses a volume key (API reference, "CreateEndpointConfig", KmsKeyId).
_LOCAL_NVME = (
    "c5d",
    "c6gd",
    "c6id",
    "g4dn",
    "g5",
    "g6",
    "g6e",
    "i3",
    "i3en",
    "i4i",
    "m5d",
    "m6gd",
    "m6id",
    "m7gd",
    "p4d",
    "p4de",
    "p5",
    "p5e",
    "p5en",
    "r5d",
    "r6gd",
    "r6id",
    "r7gd",
    "trn1",
    "trn1n",
    "trn2",
)

_PERCENT = "CAPACITY_PERCENT"


def _variants(config: Resource) -> tuple[Part, ...]:
    return config.at("ProductionVariants").items


def _is_serverless(variant: Part) -> bool:
    return variant.at("ServerlessConfig").is_there


def _has_instances(config: Resource) -> bool:
    return not all(_is_serverless(variant) for variant in _variants(config)) or not _variants(config)


def _takes_a_key(config: Resource) -> bool:
    types = [variant.at("InstanceType").text.removeprefix("ml.").partition(".")[0] for variant in _variants(config)]
    return not types or any(one not in _LOCAL_NVME for one in types)


@rule(
    id="PL-EP-01",
    title="Endpoint volumes are encrypted with a customer managed key",
    sense="The volume holds the model and what it is asked; without a key of one's own nobody can withdraw it.",
    remedy="Set KmsKeyId; instance types with local NVMe storage are encrypted by hardware and refuse a key.",
    severity=Severity.MEDIUM,
    controls=answers(ENCRYPTION_AT_REST),
    types=(CONFIG,),
    applies=lambda config: _has_instances(config) and _takes_a_key(config),
)
def endpoint_volumes_are_encrypted(config: Resource) -> Iterator[Violation]:
    yield from must_be_a_key(config.at("KmsKeyId"))


@rule(
    id="PL-EP-02",
    title="Endpoints record what they are asked and answer",
    sense="Drift, complaints and incidents can be looked into only where requests and answers were kept.",
    remedy="Add a DataCaptureConfig with EnableCapture true for Input and Output; serverless endpoints have none.",
    severity=Severity.MEDIUM,
    controls=answers(MONITORING),
    types=(CONFIG,),
    applies=_has_instances,
)
def endpoints_capture(config: Resource) -> Iterator[Violation]:
    capture = config.at("DataCaptureConfig")
    if not capture.is_there:
        yield wrong(capture, None, "capture of inputs and outputs")
        return
    yield from must_be_true(capture.at("EnableCapture"))
    yield from must_hold(capture.at("CaptureOptions"), 2, "capture modes, Input and Output")


@rule(
    id="PL-EP-03",
    title="Captured requests are encrypted with a customer managed key",
    sense="Capture is a copy of whatever customers send; it deserves at least the key of the data it came from.",
    remedy="Set DataCaptureConfig.KmsKeyId.",
    severity=Severity.HIGH,
    controls=answers(ENCRYPTION_AT_REST),
    types=(CONFIG,),
    applies=lambda config: config.at("DataCaptureConfig").is_there,
)
def captures_are_encrypted(config: Resource) -> Iterator[Violation]:
    yield from must_be_a_key(config.at("DataCaptureConfig.KmsKeyId"))


@rule(
    id="PL-EP-04",
    title="Endpoints have two instances or more",
    sense="One instance is one zone: it fails with it, and with every deployment of its host.",
    remedy="Set InitialInstanceCount to 2 or more.",
    severity=Severity.MEDIUM,
    controls=answers(AVAILABILITY, security_hub=("SageMaker.4",)),
    types=(CONFIG,),
    applies=_has_instances,
)
def endpoints_have_two_instances(config: Resource) -> Iterator[Violation]:
    """Security Hub CSPM, "[SageMaker.4] ... initial instance count greater than 1"; of instance-based variants only."""
    if not _variants(config):
        yield wrong(config.at("ProductionVariants"), None, "a variant of two instances or more")
    for variant in _variants(config):
        if not _is_serverless(variant):
            yield from must_be_at_least(variant.at("InitialInstanceCount"), 2, subject=variant.at("VariantName").text)


def _rolls_back(endpoint: Resource) -> Part:
    return endpoint.at("DeploymentConfig.AutoRollbackConfiguration.Alarms")


@rule(
    id="PL-EP-05",
    title="Deployments take themselves back on an alarm",
    sense="Without rollback alarms a bad model stays until a person notices.",
    remedy="Name 1 to 10 alarms in DeploymentConfig.AutoRollbackConfiguration.",
    severity=Severity.HIGH,
    controls=answers(AVAILABILITY, CHANGE_CONTROL, MONITORING),
    types=(ENDPOINT,),
)
def deployments_roll_back(endpoint: Resource) -> Iterator[Violation]:
    """SageMaker developer guide, "Auto-rollback configuration and monitoring"."""
    alarms = _rolls_back(endpoint)
    if len(alarms.items) > 10:
        yield Violation(path=alarms.path, message=f"{alarms.name} has {len(alarms.items)}; accepted: 1 to 10 alarms.")
    yield from must_hold(alarms, 1, "alarm")
    for alarm in alarms.items:
        yield from must_be_given(alarm.at("AlarmName"), "the name of an alarm")


def _routing(endpoint: Resource) -> Part:
    return endpoint.at("DeploymentConfig.BlueGreenUpdatePolicy.TrafficRoutingConfiguration")


def _is_routed(kind: str) -> "_Applies":
    return _Applies(kind)


class _Applies:
    """Whether an endpoint shifts its traffic in one way."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def __call__(self, endpoint: Resource) -> bool:
        return self._kind in [str(value) for value in _routing(endpoint).at("Type").possible]


def _share(size: Part, endpoint: Resource, least: int, most: int) -> Iterator[Violation]:
    """Yields a violation unless a size is a share of the fleet between two, in percent."""
    if size.at("Type").text != "INSTANCE_COUNT":
        yield from must_be(size.at("Type"), lambda value: value == _PERCENT, f"{_PERCENT} or INSTANCE_COUNT")
        yield from must_be_between(size.at("Value"), least, most, unit=" %")
        return
    fleet = _fleet(endpoint)

    def fits(value: Json) -> bool:
        found = known_number(Part(value=value, path=size.path, context=size.context))
        return found is not None and fleet is not None and least <= 100 * found / fleet <= most

    accepted = (
        f"{least} to {most} % of the {f'{fleet:g} instances' if fleet else 'instances, whose number is not known'}"
    )
    yield from must_be(size.at("Value"), fits, accepted)


def _fleet(endpoint: Resource) -> float | None:
    """How many instances the endpoint's configuration names, where it is in the same template."""
    name = endpoint.at("EndpointConfigName").text
    for config in endpoint.template.of_type(CONFIG):
        if name in (
            config.reference,
            config.template.values.text({"Fn::GetAtt": [config.logical_id, "EndpointConfigName"]}),
        ):
            counts = [known_number(variant.at("InitialInstanceCount")) for variant in _variants(config)]
            known = [count for count in counts if count]
            return min(known) if known and len(known) == len(counts) else None
    return None


@rule(
    id="PL-EP-06",
    title="A canary takes at most half of the traffic",
    sense="A canary of more than half exposes most users before anything was seen, and SageMaker refuses it "
    "mid-deployment.",
    remedy="Set CanarySize to CAPACITY_PERCENT of 50 or less.",
    severity=Severity.MEDIUM,
    controls=answers(AVAILABILITY, CHANGE_CONTROL),
    types=(ENDPOINT,),
    applies=_is_routed("CANARY"),
)
def canaries_are_small(endpoint: Resource) -> Iterator[Violation]:
    """SageMaker API reference, "TrafficRoutingConfig": the canary must be at most 50 % of the variant's capacity."""
    yield from _share(_routing(endpoint).at("CanarySize"), endpoint, 1, 50)


@rule(
    id="PL-EP-07",
    title="Linear steps are 10 to 50 % of the fleet",
    sense="Larger steps leave too little time to see an alarm, smaller ones are refused in the middle of a deployment.",
    remedy="Set LinearStepSize to CAPACITY_PERCENT of 10 to 50.",
    severity=Severity.MEDIUM,
    controls=answers(AVAILABILITY, CHANGE_CONTROL),
    types=(ENDPOINT,),
    applies=_is_routed("LINEAR"),
)
def linear_steps_are_moderate(endpoint: Resource) -> Iterator[Violation]:
    """SageMaker API reference, "TrafficRoutingConfig": the step must be 10 to 50 % of the variant's capacity."""
    yield from _share(_routing(endpoint).at("LinearStepSize"), endpoint, 10, 50)


def _waits(endpoint: Resource) -> float | None:
    """Seconds that a deployment waits in all; none where the template does not tell."""
    policy, routing = endpoint.at("DeploymentConfig.BlueGreenUpdatePolicy"), _routing(endpoint)
    rolling = endpoint.at("DeploymentConfig.RollingUpdatePolicy")
    if rolling.is_there:
        wait, share = known_number(rolling.at("WaitIntervalInSeconds"), 0), _percent(rolling.at("MaximumBatchSize"))
        return None if wait is None or share is None else wait * math.ceil(100 / share)
    wait = known_number(routing.at("WaitIntervalInSeconds"), 0)
    termination = known_number(policy.at("TerminationWaitInSeconds"), 0)
    steps = 1.0
    if routing.at("Type").text == "LINEAR":
        share = _percent(routing.at("LinearStepSize"))
        steps = math.ceil(100 / share) if share else 0
    return wait * steps + termination if wait is not None and termination is not None and steps else None


def _percent(size: Part) -> float | None:
    return known_number(size.at("Value")) or None if size.at("Type").text == _PERCENT else None


@rule(
    id="PL-EP-08",
    title="A deployment may last longer than it waits",
    sense="A deployment that reaches its time limit while it bakes is rolled back, healthy or not.",
    remedy="Set MaximumExecutionTimeoutInSeconds above the sum of all waits, with room to start the instances.",
    severity=Severity.MEDIUM,
    controls=answers(AVAILABILITY, CHANGE_CONTROL),
    types=(ENDPOINT,),
    applies=lambda endpoint: endpoint.at("DeploymentConfig").is_there,
)
def deployments_outlast_their_waits(endpoint: Resource) -> Iterator[Violation]:
    """SageMaker API reference, "BlueGreenUpdatePolicy": the timeout "should be larger than the total waiting time"."""
    kind = (
        "RollingUpdatePolicy"
        if endpoint.at("DeploymentConfig.RollingUpdatePolicy").is_there
        else "BlueGreenUpdatePolicy"
    )
    limit = endpoint.at(f"DeploymentConfig.{kind}.MaximumExecutionTimeoutInSeconds")
    waits = _waits(endpoint)
    if waits is None:
        yield Violation(
            path=limit.path,
            message=f"{limit.name} cannot be compared with the waits, which cannot be worked out; "
            "accepted: waits and step sizes in percent that the template tells.",
        )
    elif limit.is_there:
        accepted = f"more than the {waits:g} s that the deployment waits"
        yield from must_be(limit, lambda value: float(str(value)) > waits if _is_number(value) else False, accepted)


def _is_number(value: Json) -> bool:
    return str(value).replace(".", "", 1).isdigit()


@rule(
    id="PL-EP-09",
    title="Rolling updates go in batches of 5 to 50 % of the fleet",
    sense="A larger batch replaces most of the fleet at once, and is refused in the middle of a deployment.",
    remedy="Set MaximumBatchSize to CAPACITY_PERCENT of 5 to 50.",
    severity=Severity.MEDIUM,
    controls=answers(AVAILABILITY, CHANGE_CONTROL),
    types=(ENDPOINT,),
    applies=lambda endpoint: endpoint.at("DeploymentConfig.RollingUpdatePolicy").is_there,
)
def batches_are_moderate(endpoint: Resource) -> Iterator[Violation]:
    """SageMaker API reference, "RollingUpdatePolicy": the batch must be 5 to 50 % of the variant's total instances."""
    yield from _share(endpoint.at("DeploymentConfig.RollingUpdatePolicy.MaximumBatchSize"), endpoint, 5, 50)


@rule(
    id="PL-EP-10",
    title="A deployment keeps what autoscaling decided",
    sense="CloudFormation sets counts and weights back to those of the template: a busy endpoint shrinks with "
    "every deployment.",
    remedy="Set RetainAllVariantProperties to true.",
    severity=Severity.LOW,
    controls=answers(AVAILABILITY, LIMITS),
    types=(ENDPOINT,),
    applies=lambda endpoint: any(
        "endpoint/" in target.at("ResourceId").text
        for target in endpoint.template.of_type("AWS::ApplicationAutoScaling::ScalableTarget")
    ),
)
def deployments_keep_capacity(endpoint: Resource) -> Iterator[Violation]:
    yield from must_be_true(endpoint.at("RetainAllVariantProperties"))


@rule(
    id="PL-EP-11",
    title="Nobody opens a shell on an endpoint",
    sense="Whoever gets into the container through Systems Manager reads the model and every request.",
    remedy="Leave EnableSSMAccess out of the variants.",
    severity=Severity.HIGH,
    controls=answers(HARDENING, LEAST_PRIVILEGE),
    types=(CONFIG,),
)
def endpoints_have_no_shell(config: Resource) -> Iterator[Violation]:
    """SageMaker developer guide, "Access containers through SSM"."""
    for variant in (*_variants(config), *config.at("ShadowProductionVariants").items):
        yield from must_not_be_true(variant.at("EnableSSMAccess"), subject=variant.at("VariantName").text)


@rule(
    id="PL-EP-12",
    title="Answers of asynchronous endpoints are encrypted with a customer managed key",
    sense="The answers wait in S3 for whoever asked.",
    remedy="Set AsyncInferenceConfig.OutputConfig.KmsKeyId.",
    severity=Severity.MEDIUM,
    controls=answers(ENCRYPTION_AT_REST),
    types=(CONFIG,),
    applies=lambda config: config.at("AsyncInferenceConfig").is_there,
)
def asynchronous_answers_are_encrypted(config: Resource) -> Iterator[Violation]:
    yield from must_be_a_key(config.at("AsyncInferenceConfig.OutputConfig.KmsKeyId"))
