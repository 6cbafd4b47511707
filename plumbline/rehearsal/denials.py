"""What the platform must refuse: each refusal named, tried for real, and no other allowed to happen."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator

import botocore.exceptions

from plumbline.configuration import LABELLED, Deployment, Environment, Model, ModelJob
from plumbline.errors import PlumblineError
from plumbline.rehearsal.calls import Decision
from plumbline.rehearsal.cloud import Cloud
from plumbline.rehearsal.session import Session
from plumbline.rehearsal.summary import DeniedCall
from plumbline.rehearsal.training_run import Inputs

SAGEMAKER = "sagemaker.amazonaws.com"
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Probe:
    """One refusal and how to provoke it."""

    expected: DeniedCall
    attempt: Callable[[], object]


def probes(*, cloud: Cloud, model: Model, inputs: Inputs, model_package_arn: str) -> list[Probe]:
    """Every refusal that a model's way through the accounts has to meet.

    Args:
        cloud: The cloud, in which the model has been trained in staging and released.
        model: The model.
        inputs: What its run was started with.
        model_package_arn: The version that was released.
    """
    return [
        *_of_job_roles(cloud, model, inputs),
        *_of_accounts(cloud, model, inputs, model_package_arn),
        *_of_encryption(cloud, model),
        *_of_labelled(cloud, model),
        *_of_release(cloud, model),
        *_of_records(cloud, model),
    ]


def try_all(found: Iterable[Probe]) -> tuple[DeniedCall, ...]:
    """Provokes each refusal.

    Returns:
        The refusals, in order.

    Raises:
        PlumblineError: Something that has to be refused was done, or failed for another reason.
    """
    refused = []
    for probe in found:
        denied = probe.expected
        try:
            probe.attempt()
        except PermissionError:
            pass
        except botocore.exceptions.ClientError as error:
            # HEAD answers have no body, hence no code beyond the status.
            if error.response["Error"]["Code"] not in _DENIED | {"403"}:
                raise PlumblineError(
                    f"{denied.principal} was to be refused {denied.action} on {denied.resource}; it failed otherwise: "
                    f"{error}",
                    exit_code=1,
                ) from error
        else:
            raise PlumblineError(
                f"{denied.principal} may {denied.action} on {denied.resource}, and must not: {denied.because}",
                exit_code=1,
            )
        refused.append(denied)
    return tuple(refused)


def refuse_unexpected(decisions: Iterable[Decision], *, expected: Iterable[DeniedCall]) -> None:
    """Compares every refusal in the call log with the expected ones, both ways.

    Raises:
        PlumblineError: A call was refused that is not in the list, or one in the list was not refused.
    """
    known = {(denied.principal, denied.action, denied.resource) for denied in expected}
    met = set()
    for decision in decisions:
        if decision.allowed:
            continue
        call = (principal_of(decision), decision.action, decision.resource)
        if call not in known:
            raise PlumblineError(
                f"{call[0]} was refused {call[1]} on {call[2]} ({decision.reason}): its policies lack it, or somebody "
                "asks for what nobody should",
                exit_code=1,
            )
        met.add(call)
    if missing := sorted(known - met):
        raise PlumblineError(f"the call log lacks the refusal of {missing[0]}", exit_code=1)


def principal_of(decision: Decision) -> str:
    """The principal of a decision, a role's session named by its role."""
    parts = decision.principal.split(":", 5)
    if len(parts) == 6 and parts[5].startswith("assumed-role/"):
        return f"{parts[0]}:{parts[1]}:iam::{parts[4]}:role/{parts[5].split('/')[1]}"
    return decision.principal


def service_session(cloud: Cloud, deployment: Deployment, model: Model, job: ModelJob) -> Session:
    """A job role's session, as SageMaker has it while the job runs."""
    return cloud.assume_as_service(
        deployment.role_arn(model, job),
        service=SAGEMAKER,
        source_account=deployment.account,
        source_arn=deployment.arn("sagemaker", "training-job/probe"),
    )


def _root(deployment: Deployment) -> str:
    return deployment.iam_arn("root")


def _object(bucket: str, key: str) -> str:
    return f"arn:aws:s3:::{bucket}/{key}"


def _of_job_roles(cloud: Cloud, model: Model, inputs: Inputs) -> Iterator[Probe]:
    staging = cloud.platform.deployment(Environment.STAGING)
    production = cloud.platform.deployment(Environment.PRODUCTION)
    code = f"{model.name}/code/{inputs.code_digest}/sourcedir.tar.gz"
    data = f"{model.name}/datasets/{inputs.dataset_id}/flights.csv"

    def reads(at: Deployment, job: ModelJob, bucket: str, key: str, because: str) -> Probe:
        return Probe(
            expected=DeniedCall(
                principal=at.role_arn(model, job),
                action="s3:GetObject",
                resource=_object(bucket, key),
                because=because,
            ),
            attempt=lambda: service_session(cloud, at, model, job).client("s3").get_object(Bucket=bucket, Key=key),
        )

    def writes(job: ModelJob, bucket: str, key: str, because: str) -> Probe:
        return Probe(
            expected=DeniedCall(
                principal=staging.role_arn(model, job),
                action="s3:PutObject",
                resource=_object(bucket, key),
                because=because,
            ),
            attempt=lambda: (
                service_session(cloud, staging, model, job).client("s3").put_object(Bucket=bucket, Key=key, Body=b"x")
            ),
        )

    other = "another_model/training/job/output/model.tar.gz"
    yield reads(staging, ModelJob.TRAIN, staging.models_bucket, other, "a job sees its own model only")
    yield reads(staging, ModelJob.TRAIN, staging.data_bucket, data, "training sees prepared data, not raw data")
    yield reads(production, ModelJob.SERVE, staging.models_bucket, code, "an endpoint reads artifacts, nothing else")
    yield writes(ModelJob.PREPARE, staging.models_bucket, code, "no job writes the code that the next one runs")
    yield writes(ModelJob.TRAIN, staging.data_bucket, data, "a dataset does not change")
    yield writes(
        ModelJob.EVALUATE,
        staging.models_bucket,
        f"{model.name}/training/job/output/model.tar.gz",
        "who judges a model does not make it",
    )
    yield _confused_deputy(cloud, staging, production, model)


def _confused_deputy(cloud: Cloud, staging: Deployment, production: Deployment, model: Model) -> Probe:
    role = staging.role_arn(model, ModelJob.TRAIN)
    return Probe(
        expected=DeniedCall(
            principal=SAGEMAKER,
            action="sts:AssumeRole",
            resource=role,
            because="SageMaker works in a role for the role's own account only",
        ),
        attempt=lambda: cloud.assume_as_service(
            role,
            service=SAGEMAKER,
            source_account=production.account,
            source_arn=production.arn("sagemaker", "training-job/probe"),
        ),
    )


def _of_accounts(cloud: Cloud, model: Model, inputs: Inputs, model_package_arn: str) -> Iterator[Probe]:
    dev, staging = cloud.platform.deployment(Environment.DEV), cloud.platform.deployment(Environment.STAGING)
    administrator = cloud.administrator(dev.account)
    code = f"{model.name}/code/{inputs.code_digest}/sourcedir.tar.gz"
    yield Probe(
        expected=DeniedCall(
            principal=_root(dev),
            action="s3:GetObject",
            resource=_object(staging.models_bucket, code),
            because="nobody in dev reads staging's models",
        ),
        attempt=lambda: administrator.client("s3").get_object(Bucket=staging.models_bucket, Key=code),
    )
    yield Probe(
        expected=DeniedCall(
            principal=_root(dev),
            action="sagemaker:DescribeModelPackage",
            resource=model_package_arn,
            because="nobody in dev sees staging's registry",
        ),
        attempt=lambda: administrator.client("sagemaker").describe_model_package(ModelPackageName=model_package_arn),
    )


def _of_encryption(cloud: Cloud, model: Model) -> Iterator[Probe]:
    staging = cloud.platform.deployment(Environment.STAGING)
    administrator = cloud.administrator(staging.account)
    ssm = administrator.client("ssm")
    data_key, models_key = (
        ssm.get_parameter(Name=staging.parameter(f"keys/{purpose}"))["Parameter"]["Value"]
        for purpose in ("data", "models")
    )
    key = f"{model.name}/datasets/probe/flights.csv"
    denied = DeniedCall(
        principal=_root(staging),
        action="s3:PutObject",
        resource=_object(staging.data_bucket, key),
        because="what lies in a bucket is encrypted under the bucket's own key",
    )
    s3 = administrator.client("s3")
    yield Probe(
        expected=denied,
        attempt=lambda: s3.put_object(Bucket=staging.data_bucket, Key=key, Body=b"x", ServerSideEncryption="AES256"),
    )
    yield Probe(
        expected=denied,
        attempt=lambda: s3.put_object(
            Bucket=staging.data_bucket, Key=key, Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=models_key
        ),
    )
    yield Probe(
        expected=DeniedCall(
            principal=_root(staging),
            action="kms:GenerateDataKey",
            resource=data_key,
            because="keys are used through services only, by administrators too",
        ),
        attempt=lambda: administrator.client("kms").generate_data_key(KeyId=data_key, KeySpec="AES_256"),
    )


def _of_labelled(cloud: Cloud, model: Model) -> Iterator[Probe]:
    """What the next version learns from, and what says how good the present one is."""
    staging, production = (cloud.platform.deployment(e) for e in (Environment.STAGING, Environment.PRODUCTION))
    labelled, labels = f"{LABELLED}/{model.name}/probe/labelled.json", f"{model.name}/labels/probe.jsonl"
    yield Probe(
        expected=DeniedCall(
            principal=_root(staging),
            action="s3:PutObject",
            resource=_object(staging.data_bucket, labelled),
            because="labelled data comes from production, and nobody in staging writes it",
        ),
        attempt=lambda: (
            cloud.administrator(staging.account)
            .client("s3")
            .put_object(Bucket=staging.data_bucket, Key=labelled, Body=b"x")
        ),
    )
    yield Probe(
        expected=DeniedCall(
            principal=production.role_arn(model, ModelJob.SERVE),
            action="s3:PutObject",
            resource=_object(production.capture_bucket, labels),
            because="an endpoint does not say whether it was right",
        ),
        attempt=lambda: (
            service_session(cloud, production, model, ModelJob.SERVE)
            .client("s3")
            .put_object(Bucket=production.capture_bucket, Key=labels, Body=b"x")
        ),
    )


def _of_release(cloud: Cloud, model: Model) -> Iterator[Probe]:
    platform = cloud.platform
    staging, production = platform.deployment(Environment.STAGING), platform.deployment(Environment.PRODUCTION)
    administrator = cloud.administrator(platform.delivery_account)
    release_role = production.role_arn(model, ModelJob.RELEASE)
    yield Probe(
        expected=DeniedCall(
            principal=f"arn:{platform.partition}:iam::{platform.delivery_account}:root",
            action="sts:AssumeRole",
            resource=release_role,
            because="only the model's release pipeline releases it",
        ),
        attempt=lambda: cloud.assume(release_role, caller=administrator),
    )

    def released(deployment: Deployment) -> Session:
        names = platform.release(model)
        pipeline = cloud.assume_as_service(
            names.iam_arn(f"role/{names.pipeline_name}"),
            service="codepipeline.amazonaws.com",
            source_account=names.account,
            source_arn=names.pipeline_arn,
        )
        return cloud.assume(deployment.role_arn(model, ModelJob.RELEASE), caller=pipeline, name="probe")

    foundation = production.stack_name("foundation")
    yield Probe(
        expected=DeniedCall(
            principal=release_role,
            action="cloudformation:DeleteStack",
            resource=production.arn("cloudformation", f"stack/{foundation}/*"),
            because="a release changes endpoints, never what they stand on",
        ),
        attempt=lambda: released(production).client("cloudformation").delete_stack(StackName=foundation),
    )
    job = "training-job/probe"
    yield Probe(
        expected=DeniedCall(
            principal=staging.role_arn(model, ModelJob.RELEASE),
            action="sagemaker:CreateTrainingJob",
            resource=staging.arn("sagemaker", job),
            because="who releases a model does not make it",
        ),
        attempt=lambda: (
            released(staging)
            .client("sagemaker")
            .create_training_job(
                TrainingJobName="probe",
                RoleArn=staging.iam_arn("role/none"),
                AlgorithmSpecification={"TrainingImage": "none", "TrainingInputMode": "File"},
                OutputDataConfig={"S3OutputPath": f"s3://{staging.models_bucket}/probe"},
                ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
                StoppingCondition={"MaxRuntimeInSeconds": 60},
            )
        ),
    )


def _of_records(cloud: Cloud, model: Model) -> Iterator[Probe]:
    delivery = cloud.platform.delivery
    administrator = cloud.administrator(delivery.account)
    record = cloud.platform.release(model).record_key(1)
    yield Probe(
        expected=DeniedCall(
            principal=delivery.iam_arn("root"),
            action="s3:PutObject",
            resource=_object(delivery.records_bucket, record),
            because="a release record is its recorder's to write",
        ),
        attempt=lambda: administrator.client("s3").put_object(Bucket=delivery.records_bucket, Key=record, Body=b"x"),
    )
    key = administrator.client("ssm").get_parameter(Name=delivery.records_key_parameter)["Parameter"]["Value"]
    yield Probe(
        expected=DeniedCall(
            principal=delivery.iam_arn("root"),
            action="kms:GenerateMac",
            resource=key,
            because="nobody but a recorder makes the code of a record",
        ),
        attempt=lambda: administrator.client("kms").generate_mac(KeyId=key, Message=b"x", MacAlgorithm="HMAC_SHA_256"),
    )
