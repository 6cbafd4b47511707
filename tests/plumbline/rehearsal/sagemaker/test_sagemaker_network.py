"""A job in a VPC reaches AWS through the VPC's endpoints, and each endpoint's policy decides."""

import dataclasses
import json
from typing import Any

import pytest

from plumbline.rehearsal.calls import Decision, read_call_log
from tests.plumbline.rehearsal.sagemaker.world import BUCKET, HOME, REGION, World, job_statements

pytestmark = pytest.mark.rehearsal

EVERYTHING = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
NO_LAYERS = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:GetObject",
    "Resource": f"arn:aws:s3:::prod-{REGION}-starport-layer-bucket/*",
}
CODE = "import pathlib\npathlib.Path('/opt/ml/processing/out/x').write_text('x')\nprint('x')"


def vpc_with(world: World, *, block: str, endpoints: dict[str, list[dict[str, Any]]]) -> World:
    """The same world from another VPC, which has these endpoints with these policies."""
    ec2 = world.client("ec2")
    vpc = ec2.create_vpc(CidrBlock=f"{block}.0/24")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=f"{block}.0/25")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName=block, Description="jobs", VpcId=vpc)["GroupId"]
    for service, statements in endpoints.items():
        ec2.create_vpc_endpoint(
            VpcId=vpc,
            ServiceName=f"com.amazonaws.{REGION}.{service}",
            VpcEndpointType="Gateway" if service == "s3" else "Interface",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements}),
        )
    return dataclasses.replace(world, subnet=subnet, group=group)


def decisions(world: World, role: str, action: str) -> list[Decision]:
    return [
        decision
        for decision in read_call_log(world.state / "calls.jsonl")
        if decision.action == action and decision.principal.split("/")[-2:-1] == [role]
    ]


def test_a_job_in_a_vpc_without_an_endpoint_for_s3_has_no_data(world: World, job_role: str) -> None:
    elsewhere = vpc_with(world, block="10.1.0", endpoints={"logs": [EVERYTHING]})
    job = elsewhere.processing(CODE, role=job_role)
    assert job["ProcessingJobStatus"] == "Failed"
    assert "has no endpoint for S3" in job["FailureReason"]


@pytest.mark.parametrize(
    ("service", "action"),
    [
        ("s3", "s3:GetObject"),
        ("ecr.api", "ecr:GetAuthorizationToken"),
        ("ecr.api", "ecr:BatchGetImage"),
        ("ecr.dkr", "ecr:BatchGetImage"),
        ("logs", "logs:PutLogEvents"),
        ("monitoring", "cloudwatch:PutMetricData"),
    ],
)
def test_what_a_job_does_is_held_to_the_policy_of_the_endpoint_it_takes(
    world: World, service: str, action: str
) -> None:
    name = f"held-{service}-{action}".replace(":", "-").replace(".", "-")
    role = world.role(name, job_statements(world.key))
    # the data, not the image's layers, which come through the same endpoint
    held = f"arn:aws:s3:::{BUCKET}*" if service == "s3" else "*"
    deny = {"Effect": "Deny", "Principal": "*", "Action": action, "Resource": held}
    block = f"10.2.{len(name)}"
    open_to_data: dict[str, list[dict[str, Any]]] = {"s3": [EVERYTHING]}
    elsewhere = vpc_with(world, block=block, endpoints=open_to_data | {service: [EVERYTHING, deny]})
    job = elsewhere.processing(CODE, role=role, outputs={"out": "jobs/endpoints"})
    assert job["ProcessingJobStatus"] == "Failed"
    assert f"not authorized to perform: {action}" in job["FailureReason"]
    assert decisions(world, name, action)[-1].reason.startswith("the policy of endpoint vpce-")


def test_image_layers_come_through_the_endpoint_of_s3(world: World, job_role: str) -> None:
    elsewhere = vpc_with(world, block="10.3.0", endpoints={"s3": [EVERYTHING, NO_LAYERS]})
    job = elsewhere.processing(CODE, role=job_role)
    assert "starport-layer-bucket" in job["FailureReason"]


def test_a_jobs_data_comes_from_its_vpc_and_its_metrics_need_not(world: World) -> None:
    role = world.role("of-vpc", job_statements(world.key))
    job = world.processing(CODE, role=role, outputs={"out": "jobs/of-vpc"})
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    read, measured = (decisions(world, "of-vpc", action)[-1] for action in ("s3:GetObject", "cloudwatch:PutMetricData"))
    assert read.context["aws:vpceaccount"] == HOME
    assert str(read.context["aws:sourcevpce"]).startswith("vpce-")
    assert "aws:sourcevpc" not in measured.context


def test_a_role_bound_to_its_own_accounts_endpoints_reads_from_a_job_and_from_nowhere_else(world: World) -> None:
    perimeter = {
        "Effect": "Deny",
        "Action": "s3:*",
        "Resource": "*",
        "Condition": {"StringNotEquals": {"aws:VpceAccount": "${aws:PrincipalAccount}"}},
    }
    role = world.role("perimeter", [*job_statements(world.key), perimeter])
    inside = world.processing(CODE, role=role, outputs={"out": "jobs/perimeter"})
    assert inside["ProcessingJobStatus"] == "Completed", inside.get("FailureReason")
    outside = world.training("perimeter-without-vpc", CODE, role=role)
    assert outside["TrainingJobStatus"] == "Failed"
    assert "s3:" in outside["FailureReason"]


def test_the_container_of_a_job_reaches_no_service_without_an_endpoint(world: World, job_role: str) -> None:
    elsewhere = vpc_with(world, block="10.4.0", endpoints={"s3": [EVERYTHING]})
    code = """
import boto3, botocore.exceptions
print("buckets", len(boto3.client("s3").list_objects_v2(Bucket="tiny-111111111111", Prefix="code/")["Contents"]) > 0)
try:
    boto3.client("sts").get_caller_identity()
except botocore.exceptions.ClientError as error:
    print("refused", error)
"""
    job = elsewhere.processing(code, role=job_role, isolated=False)
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    log = elsewhere.log("/aws/sagemaker/ProcessingJobs", job["ProcessingJobName"])
    assert "buckets True" in log
    assert "refused" in log
