"""The roles of jobs and endpoints: which action on what, and nothing more."""

import pytest

from plumbline.configuration import Deployment, Environment, Model, ModelJob
from tests.house.assembly import Assembly, Json, listed, role_statements

_JOBS = (ModelJob.PREPARE, ModelJob.DATA_CHECK, ModelJob.TRAIN, ModelJob.EVALUATE)
_EVERY_JOB_MAY = {
    "cloudwatch:PutMetricData",
    "ec2:CreateNetworkInterface",
    "ec2:CreateNetworkInterfacePermission",
    "ec2:DeleteNetworkInterface",
    "ec2:DeleteNetworkInterfacePermission",
    "ec2:DescribeDhcpOptions",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:GetAuthorizationToken",
    "ecr:GetDownloadUrlForLayer",
    "kms:CreateGrant",
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:GenerateDataKey",
    "logs:CreateLogStream",
    "logs:DescribeLogStreams",
    "logs:PutLogEvents",
    "s3:GetObject",
    "s3:PutObject",
}


@pytest.fixture
def staging(assembly: Assembly) -> Deployment:
    return assembly.platform.deployment(Environment.STAGING)


@pytest.fixture
def production(assembly: Assembly) -> Deployment:
    return assembly.platform.deployment(Environment.PRODUCTION)


@pytest.fixture
def model(assembly: Assembly) -> Model:
    return assembly.models[0]


def _role(assembly: Assembly, deployment: Deployment, model: Model, job: ModelJob) -> Json:
    kind = "access" if job in (ModelJob.SERVE, ModelJob.COPY) else "training"
    return assembly[deployment.stack_name(kind, model)].role(deployment.role_name(model, job))


def _actions(role: Json) -> set[str]:
    return {action for statement in role_statements(role).values() for action in listed(statement["Action"])}


@pytest.mark.parametrize("job", _JOBS)
def test_a_job_may_do_what_sagemaker_does_for_it(
    assembly: Assembly, staging: Deployment, model: Model, job: ModelJob
) -> None:
    assert _actions(_role(assembly, staging, model, job)) == {*_EVERY_JOB_MAY, "s3:ListBucket"}


def test_an_endpoint_may_not_list(assembly: Assembly, staging: Deployment, model: Model) -> None:
    assert _actions(_role(assembly, staging, model, ModelJob.SERVE)) == _EVERY_JOB_MAY


@pytest.mark.parametrize(
    ("job", "reads", "writes"),
    [
        (
            ModelJob.PREPARE,
            {"data/{}/datasets", "data/{}/labelled", "data/labelled/{}", "models/{}/code", "models/{}/champion"},
            {"data/{}/prepared"},
        ),
        (
            ModelJob.DATA_CHECK,
            {
                "data/{}/prepared",
                "data/{}/labelled",
                "data/labelled/{}",
                "data/{}/evaluations",
                "models/{}/champion",
            },
            {"data/{}/checks"},
        ),
        (
            ModelJob.TRAIN,
            {"data/{}/prepared", "models/{}/code", "models/{}/checkpoints"},
            {"models/{}/training", "models/{}/checkpoints"},
        ),
        (
            ModelJob.EVALUATE,
            {"data/{}/prepared", "models/{}/code", "models/{}/training", "models/{}/champion"},
            {"data/{}/evaluations"},
        ),
    ],
)
def test_a_job_reads_and_writes_the_prefixes_of_its_step(
    assembly: Assembly, staging: Deployment, model: Model, job: ModelJob, reads: set[str], writes: set[str]
) -> None:
    def objects(parts: set[str]) -> set[str]:
        pairs = (part.format(model.name).split("/", 1) for part in parts)
        return {f"arn:aws:s3:::{staging.bucket(bucket)}/{prefix}/*" for bucket, prefix in pairs}

    granted = role_statements(_role(assembly, staging, model, job))
    assert set(listed(granted["ReadObjects"]["Resource"])) == objects(reads)
    assert set(listed(granted["WriteObjects"]["Resource"])) == objects(writes)


@pytest.mark.parametrize("job", _JOBS)
def test_a_job_lists_only_what_it_reads(assembly: Assembly, staging: Deployment, model: Model, job: ModelJob) -> None:
    granted = role_statements(_role(assembly, staging, model, job))
    readable = set(listed(granted["ReadObjects"]["Resource"]))
    listable = {
        f"{statement['Resource']}/{prefix}"
        for sid, statement in granted.items()
        if sid.startswith("ListObjects")
        for prefix in listed(statement["Condition"]["StringLike"]["s3:prefix"])
    }
    assert listable == readable


@pytest.mark.parametrize("job", _JOBS)
def test_keys_of_objects_are_used_through_s3_only(
    assembly: Assembly, staging: Deployment, model: Model, job: ModelJob
) -> None:
    granted = role_statements(_role(assembly, staging, model, job))
    for sid in ("DecryptObjects", "EncryptObjects"):
        assert granted[sid]["Condition"] == {"StringEquals": {"kms:ViaService": f"s3.{staging.region}.amazonaws.com"}}


def test_train_keeps_its_volume_under_the_models_key(assembly: Assembly, staging: Deployment, model: Model) -> None:
    granted = role_statements(_role(assembly, staging, model, ModelJob.TRAIN))["EncryptVolume"]
    assert granted["Resource"] == {"Ref": "ModelsKey"}
    assert granted["Condition"] == {"Bool": {"kms:GrantIsForAWSResource": "true"}}


@pytest.mark.parametrize("job", _JOBS)
def test_a_job_pulls_one_image_repository(assembly: Assembly, staging: Deployment, model: Model, job: ModelJob) -> None:
    platform = assembly.platform
    granted = role_statements(_role(assembly, staging, model, job))
    assert granted["PullImage"]["Resource"] == (
        f"arn:aws:ecr:{platform.region}:{platform.delivery_account}:repository/{platform.runtime_repository}"
    )


@pytest.mark.parametrize("job", _JOBS)
def test_a_job_takes_away_only_interfaces_of_its_subnets(
    assembly: Assembly, staging: Deployment, model: Model, job: ModelJob
) -> None:
    granted = role_statements(_role(assembly, staging, model, job))["UseInterfacesOfJobSubnets"]
    subnets = granted["Condition"]["ArnEquals"]["ec2:Subnet"]
    assert ["SubnetA" in str(subnets[0]), "SubnetB" in str(subnets[1]), len(subnets)] == [True, True, 2]


@pytest.mark.parametrize(
    ("job", "group"),
    [
        (ModelJob.PREPARE, "/aws/sagemaker/ProcessingJobs"),
        (ModelJob.DATA_CHECK, "/aws/sagemaker/ProcessingJobs"),
        (ModelJob.TRAIN, "/aws/sagemaker/TrainingJobs"),
        (ModelJob.EVALUATE, "/aws/sagemaker/ProcessingJobs"),
    ],
)
def test_a_job_writes_to_one_log_group_and_one_namespace(
    assembly: Assembly, staging: Deployment, model: Model, job: ModelJob, group: str
) -> None:
    granted = role_statements(_role(assembly, staging, model, job))
    assert granted["WriteLogs"]["Resource"] == staging.arn("logs", f"log-group:{group}:*")
    assert granted["PublishMetrics"]["Condition"] == {"StringEquals": {"cloudwatch:namespace": group}}


def test_production_serves_copies_of_its_own(assembly: Assembly, production: Deployment, model: Model) -> None:
    granted = role_statements(_role(assembly, production, model, ModelJob.SERVE))
    assert granted["ReadObjects"]["Resource"] == f"arn:aws:s3:::{production.models_bucket}/{model.name}/released/*"
    assert granted["DecryptObjects"]["Resource"] == {"Ref": "ModelsKey"}
    repository = production.platform.runtime_repository
    assert granted["PullImage"]["Resource"] == production.arn("ecr", f"repository/{repository}")


def test_copies_are_made_of_artifacts_of_staging_with_its_key_only(
    assembly: Assembly, staging: Deployment, production: Deployment, model: Model
) -> None:
    granted = role_statements(_role(assembly, production, model, ModelJob.COPY))
    assert granted["ReadArtifacts"]["Resource"] == f"arn:aws:s3:::{staging.models_bucket}/{model.name}/training/*"
    decrypt = granted["DecryptForeignObjects0"]
    assert decrypt["Resource"] == staging.arn("kms", "key/*")
    assert decrypt["Condition"]["ForAnyValue:StringEquals"] == {"kms:ResourceAliases": staging.key_alias("models")}


def test_staging_lets_in_the_very_role_that_copies_to_production(
    assembly: Assembly, staging: Deployment, production: Deployment, model: Model
) -> None:
    (bucket,) = [
        policy
        for policy in assembly[staging.stack_name("foundation")].of_type("AWS::S3::BucketPolicy")
        if "BucketsModels" in str(policy["Properties"]["Bucket"])
    ]
    (read,) = [s for s in bucket["Properties"]["PolicyDocument"]["Statement"] if s["Effect"] == "Allow"]
    (pattern,) = listed(read["Condition"]["ArnLike"]["aws:PrincipalArn"])
    prefix, suffix = pattern.split("*")
    arn = production.role_arn(model, ModelJob.COPY)
    assert arn.startswith(prefix)
    assert arn.endswith(suffix)
    assert listed(read["Action"]) == ["s3:GetObject", "s3:GetObjectVersion"]
