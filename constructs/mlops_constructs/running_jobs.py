"""What the role of a SageMaker pipeline may do: run jobs as the platform makes them, and look after them."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Literal

from mlops_constructs.environment_values import EnvironmentValues
from mlops_constructs.policy import Statement
from mlops_constructs.waiver import Waiver
from plumbline.configuration import Deployment
from plumbline.configuration.model import Compute

JobKind = Literal["Processing", "Training"]


def run_jobs(
    deployment: Deployment, values: EnvironmentValues, *, machines: Mapping[JobKind, Sequence[Compute]]
) -> list[Statement]:
    """Starting jobs, when they are as the platform makes them, and looking after them.

    Args:
        deployment: The environment.
        values: Network and keys of the environment.
        machines: What the jobs of each kind run on.
    """
    jobs = _job_arns(deployment, list(machines))
    with_volume_key = [
        f"sagemaker:Create{kind}Job"
        for kind, computes in machines.items()
        if not any(compute.local_nvme for compute in computes)
    ]
    create = [f"sagemaker:Create{kind}Job" for kind in machines]
    keys = [values.data_key_arn, values.models_key_arn]
    # The service reference names each of these keys one way, older pages the other; which of them a request carries is
    # not documented. Neither may have another value, and a key is missing when it is under neither name.
    volume = ("sagemaker:VolumeKmsKey", "sagemaker:VolumeKmsKeyArn")
    output = ("sagemaker:OutputKmsKey", "sagemaker:OutputKmsKeyArn")
    denied_without = [("Output", create, output)]
    if with_volume_key:
        denied_without.append(("Volume", with_volume_key, volume))
    return [
        Statement(
            sid="StartJobsInTheVpc",
            actions=create,
            resources=jobs,
            conditions={
                "Bool": {"sagemaker:InterContainerTrafficEncryption": "true", "sagemaker:NetworkIsolation": "true"},
                "ForAllValues:StringEquals": {
                    "sagemaker:VpcSecurityGroupIds": values.job_security_group,
                    "sagemaker:VpcSubnets": values.subnets,
                },
                # ForAllValues holds for a request without the key, too.
                "Null": {"sagemaker:VpcSecurityGroupIds": "false", "sagemaker:VpcSubnets": "false"},
                "StringEqualsIfExists": dict.fromkeys((*volume, *output), keys),
            },
        ),
        *(
            Statement(
                sid=f"DenyJobsWithout{what}Key",
                effect="Deny",
                actions=actions,
                resources=jobs,
                conditions={"Null": dict.fromkeys(names, "true")},
            )
            for what, actions, names in denied_without
        ),
        Statement(
            sid="LookAfterJobs",
            actions=[
                "sagemaker:AddTags",
                *(f"sagemaker:{does}{kind}Job" for does in ("Describe", "Stop") for kind in machines),
            ],
            resources=jobs,
        ),
    ]


def pass_job_roles(role_arns: Sequence[str]) -> Statement:
    """Handing jobs their roles, to SageMaker only."""
    return Statement(
        sid="PassJobRoles",
        actions=["iam:PassRole"],
        resources=role_arns,
        conditions={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
    )


def pipeline_jobs(deployment: Deployment, kinds: Sequence[JobKind]) -> Waiver:
    """The waiver of a role that has `run_jobs` of these kinds."""
    return Waiver(
        id="pipeline-jobs",
        rule="AwsSolutions::AwsSolutions-IAM5",
        reason="SageMaker Pipelines names its jobs pipelines-<execution>-<step>-<attempt>; iam:PassRole bounds "
        "what such a job can do to the job roles of this model.",
        owner="platform",
        until=date(2027, 11, 30),
        findings=tuple(f"Resource::{arn}" for arn in _job_arns(deployment, kinds)),
    )


def _job_arns(deployment: Deployment, kinds: Sequence[JobKind]) -> list[str]:
    return [deployment.arn("sagemaker", f"{kind.lower()}-job/pipelines-*") for kind in kinds]
