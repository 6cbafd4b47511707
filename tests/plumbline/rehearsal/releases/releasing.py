"""A model's releases in two emulated accounts: functions, roles that may just enough, and the pipeline that calls them.

The first account is both staging and delivery, the second is production.
"""

import dataclasses
import hashlib
import io
import json
import uuid
import zipfile
from collections.abc import Mapping
from typing import Any

from tests.plumbline.rehearsal.codepipeline.world import action, allow, approval, stage
from tests.plumbline.rehearsal.releases.functions import code
from tests.plumbline.rehearsal.sagemaker.world import (
    AWAY,
    HOME,
    IMAGE,
    REGION,
    World,
    job_statements,
    policy,
    wait,
)

Document = dict[str, Any]
MODEL, GROUP = "tiny", "tiny-releases"
MODELS, DATA, RECORDS, STORE, ASSETS = (f"{name}-{HOME}" for name in ("models", "data", "records", "store", "assets"))
COPIES = f"models-{AWAY}"
PIPELINE = "release-tiny"
REPOSITORY = IMAGE.rpartition(":")[0]
TARGET = REPOSITORY.replace(HOME, AWAY)
VERSIONS = f"arn:aws:sagemaker:{REGION}:{HOME}:model-package/{GROUP}/"
COPIED_VERSIONS = VERSIONS.replace(HOME, AWAY)
ARN = f"arn:aws:codepipeline:{REGION}:{HOME}:{PIPELINE}"
STAGING = "tiny-staging"
CONTRACT = {
    "requests": [{"x": 0.5}],
    "answer": {"type": "object", "required": ["probability"], "properties": {"probability": {"type": "number"}}},
    "max_seconds": 30,
    "prediction": "probability",
    "tolerance": 1e-6,
}
BUNDLE = {"staging.template.json": "{}", "production.template.json": "{}", "contract.json": json.dumps(CONTRACT)}


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Releasing:
    """What the tests act upon.

    Attributes:
        world: The two accounts.
        code_key: The key of the records' codes.
    """

    world: World
    code_key: str

    def register(self, *, weight: float, evaluated: float | None = None, key: str = "") -> Document:
        """A new version of the model, not approved; returns the detail of an event about it.

        Args:
            weight: What it multiplies with.
            evaluated: What its evaluation says that it multiplies with; the same when left out.
            key: What its artifact is encrypted with.
        """
        s3, run = self.world.client("s3"), uuid.uuid4().hex
        encrypted = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key} if key else {}
        artifact = f"{MODEL}/training/{run}/model.tar.gz"
        s3.put_object(Bucket=MODELS, Key=artifact, Body=self.world.archive({"weight": weight}), **encrypted)
        folder, factor = f"{MODEL}/evaluations/{run}", weight if evaluated is None else evaluated
        rows = [
            {"row": {"x": number / 200}, "label": number % 2, "prediction": number / 200 * factor}
            for number in range(150)
        ]
        sample = "".join(f"{json.dumps(row)}\n" for row in rows).encode()
        s3.put_object(Bucket=DATA, Key=f"{folder}/sample.jsonl", Body=sample)
        measured = {"metrics": {"challenger": {"log_loss": 0.4}}, "gate": {"gain": 0.1}}
        evaluation = json.dumps(measured | {"sample": {"digest": _digest(sample)}}).encode()
        s3.put_object(Bucket=DATA, Key=f"{folder}/evaluation.json", Body=evaluation)
        created = self.world.client("sagemaker").create_model_package(
            ModelPackageGroupName=GROUP,
            InferenceSpecification={
                "Containers": [{"Image": IMAGE, "ModelDataUrl": f"s3://{MODELS}/{artifact}"}],
                "SupportedContentTypes": ["application/jsonlines"],
                "SupportedResponseMIMETypes": ["application/jsonlines"],
            },
            ModelMetrics={
                "ModelQuality": {
                    "Statistics": {
                        "ContentType": "application/json",
                        "S3Uri": f"s3://{DATA}/{folder}/evaluation.json",
                        "ContentDigest": _digest(evaluation),
                    }
                }
            },
            CustomerMetadataProperties={"commit": "1a2b3c4d", "dataset-uri": "s3://data/set/", "trigger": "person"},
        )
        return {"ModelPackageArn": created["ModelPackageArn"]}

    def approve(self, detail: Document, *, approver: str = "approver") -> None:
        """Approves a version as a role that may."""
        self.world.role_client("sagemaker", approver).update_model_package(
            ModelPackageArn=detail["ModelPackageArn"], ModelApprovalStatus="Approved", ApprovalDescription="good"
        )

    def record(self, detail: Document) -> Document:
        """Calls the recorder with an event about a version; returns what it says, or its error."""
        answer = self.world.client("lambda").invoke(
            FunctionName="recorder", Payload=json.dumps({"detail": detail}).encode()
        )
        found: Document = json.loads(answer["Payload"].read())
        return found

    def execution(self, execution: str) -> Document:
        """An execution of the pipeline."""
        found: Document = self.world.client("codepipeline").get_pipeline_execution(
            pipelineName=PIPELINE, pipelineExecutionId=execution
        )["pipelineExecution"]
        return found

    def until_asked(self, execution: str) -> str:
        """Waits until an execution asks for its approval; returns the approval's token."""

        def latest() -> Document:
            states = self.world.client("codepipeline").get_pipeline_state(name=PIPELINE)["stageStates"]
            (found,) = [one for one in states if one["stageName"] == "Approval"]
            waiting = found.get("latestExecution", {}).get("pipelineExecutionId") == execution
            return dict(found["actionStates"][0].get("latestExecution", {})) if waiting else {}

        self.world.until(
            lambda: "token" in latest() or self.execution(execution)["status"] != "InProgress", seconds=120
        )
        assert "token" in latest(), self.failures(execution)
        return str(latest()["token"])

    def agree(self, token: str, *, summary: str) -> None:
        """Approves a release."""
        self.world.client("codepipeline").put_approval_result(
            pipelineName=PIPELINE,
            stageName="Approval",
            actionName="Ask",
            token=token,
            result={"summary": summary, "status": "Approved"},
        )

    def ended(self, execution: str) -> str:
        """Waits for an execution's end; returns its status."""
        self.world.until(lambda: self.execution(execution)["status"] != "InProgress", seconds=120)
        return str(self.execution(execution)["status"])

    def actions(self, execution: str) -> dict[str, Document]:
        """The actions of an execution by name."""
        details = self.world.client("codepipeline").list_action_executions(
            pipelineName=PIPELINE, filter={"pipelineExecutionId": execution}
        )["actionExecutionDetails"]
        return {one["actionName"]: one for one in details}

    def failures(self, execution: str) -> dict[str, str]:
        """Why the actions of an execution failed."""
        found = {name: one["output"]["executionResult"] for name, one in self.actions(execution).items()}
        return {name: one["errorDetails"]["message"] for name, one in found.items() if "errorDetails" in one}

    def start_at(self, key: str) -> str:
        """Starts the pipeline at an object of the records' bucket, as a person does who goes back."""
        revision = {"actionName": "Record", "revisionType": "S3_OBJECT_KEY", "revisionValue": key}
        started = self.world.client("codepipeline").start_pipeline_execution(name=PIPELINE, sourceRevisions=[revision])
        return str(started["pipelineExecutionId"])

    def serve(self, name: str, package: str, role: str, *, account: str, network: Mapping[str, Any]) -> None:
        """Makes an endpoint of a package, or changes the one that there is."""
        client, config = self.world.client("sagemaker", account=account), f"{name}-{uuid.uuid4().hex[:8]}"
        client.create_model(
            ModelName=config,
            ExecutionRoleArn=role,
            PrimaryContainer={"ModelPackageName": package},
            EnableNetworkIsolation=True,
            VpcConfig=network,
        )
        variant = {"VariantName": "AllTraffic", "ModelName": config, "InitialInstanceCount": 1}
        sized = {"InstanceType": "ml.m5.large", "InitialVariantWeight": 1.0}
        client.create_endpoint_config(EndpointConfigName=config, ProductionVariants=[variant | sized])
        known = [one["EndpointName"] for one in client.list_endpoints()["Endpoints"]]
        (client.update_endpoint if name in known else client.create_endpoint)(
            EndpointName=name, EndpointConfigName=config
        )
        found = wait(lambda: client.describe_endpoint(EndpointName=name), "EndpointStatus")
        assert found["EndpointStatus"] == "InService", found.get("FailureReason")


def furnished(world: World) -> Releasing:
    """Makes all of it."""
    _make_buckets(world)
    for account in (HOME, AWAY):
        world.client("sagemaker", account=account).create_model_package_group(ModelPackageGroupName=GROUP)
    world.client("ecr", account=AWAY).create_repository(repositoryName="tiny", imageTagMutability="IMMUTABLE")
    code_key = world.client("kms").create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["Arn"]
    own = {"AWS": f"arn:aws:iam::{HOME}:root"}
    _make_roles(world, own)
    _make_functions(world, code_key)
    _make_pipeline(world)
    return Releasing(world=world, code_key=code_key)


def bundle() -> bytes:
    """The templates and the contract, as they were delivered."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in BUNDLE.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def _make_buckets(world: World) -> None:
    location = {"LocationConstraint": REGION}
    for name, account in ((MODELS, HOME), (DATA, HOME), (RECORDS, HOME), (STORE, HOME), (ASSETS, HOME), (COPIES, AWAY)):
        client = world.client("s3", account=account)
        lock = {"ObjectLockEnabledForBucket": True} if name == RECORDS else {}
        client.create_bucket(Bucket=name, CreateBucketConfiguration=location, **lock)
        if name != RECORDS:
            client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    s3 = world.client("s3")
    retention = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}
    s3.put_object_lock_configuration(
        Bucket=RECORDS, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": retention}
    )
    reading = allow(f"arn:aws:s3:::{MODELS}/*", "s3:GetObject", "s3:GetObjectVersion")
    copier = {"Principal": {"AWS": f"arn:aws:iam::{AWAY}:root"}}
    s3.put_bucket_policy(Bucket=MODELS, Policy=policy([reading | copier]))
    s3.put_object(Bucket=ASSETS, Key="bundle.zip", Body=bundle())
    pulling = {"Effect": "Allow", "Action": ["ecr:BatchGetImage", "ecr:DescribeImages", "ecr:GetDownloadUrlForLayer"]}
    world.client("ecr").set_repository_policy(repositoryName="tiny", policyText=policy([pulling | copier]))


def _make_roles(world: World, own: Document) -> None:
    versions = allow(f"{VERSIONS}*", "sagemaker:DescribeModelPackage")
    read = ("s3:GetObject", "s3:GetObjectVersion")
    artifacts, samples = f"arn:aws:s3:::{MODELS}/{MODEL}/training/*", f"arn:aws:s3:::{DATA}/{MODEL}/evaluations/*"
    repository = f"arn:aws:ecr:{REGION}:{HOME}:repository/tiny"
    world.role("approver", [allow(f"{VERSIONS}*", "sagemaker:UpdateModelPackage")], principal=own)
    world.role("reader", [versions, allow([artifacts, samples], *read), allow("*", "kms:Decrypt")], principal=own)
    endpoint = allow(
        f"arn:aws:sagemaker:{REGION}:{HOME}:endpoint/{STAGING}",
        "sagemaker:DescribeEndpoint",
        "sagemaker:InvokeEndpoint",
    )
    world.role("check", [endpoint, allow(samples, *read)], principal=own)
    pull = ("ecr:BatchGetImage", "ecr:DescribeImages", "ecr:GetDownloadUrlForLayer")
    push = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:CompleteLayerUpload", "ecr:DescribeImages")
    upload = ("ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart")
    group = f"arn:aws:sagemaker:{REGION}:{AWAY}:model-package-group/{GROUP}"
    world.role(
        "copy",
        [
            versions,
            allow(artifacts, *read),
            allow(
                f"arn:aws:s3:::{COPIES}/{MODEL}/released/*", "s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"
            ),
            allow(repository, *pull),
            allow(repository.replace(HOME, AWAY), *push, *upload),
            allow([group, f"{COPIED_VERSIONS}*"], "sagemaker:CreateModelPackage"),
        ],
        account=AWAY,
        principal=own,
    )
    shared = {"Principal": {"AWS": f"arn:aws:iam::{AWAY}:root"}} | allow(
        [f"{VERSIONS}*"], "sagemaker:DescribeModelPackage"
    )
    world.client("sagemaker").put_model_package_group_policy(
        ModelPackageGroupName=GROUP, ResourcePolicy=policy([shared])
    )
    serving = [*job_statements(world.key), allow("*", "logs:CreateLogGroup"), allow(artifacts, *read)]
    world.role("serve", serving)
    copied = json.loads(json.dumps(serving).replace(f"{REGION}:{HOME}:repository", f"{REGION}:{AWAY}:repository"))
    world.role("serve", [*copied, allow(f"arn:aws:s3:::{COPIES}/*", *read)], account=AWAY)


def _make_functions(world: World, code_key: str) -> None:
    told = {"MODEL": MODEL, "VERSIONS_ARN": VERSIONS, "MAC_KEY_ARN": code_key, "PIPELINE": PIPELINE}
    asked = {"APPROVAL_STAGE": "Approval", "APPROVAL_ACTION": "Ask"}
    reader = {"READER_ROLE_ARN": f"arn:aws:iam::{HOME}:role/reader"}
    records = {"RECORDS_BUCKET": RECORDS, "RECORDS_PREFIX": f"releases/{MODEL}/"}
    record = f"arn:aws:s3:::{RECORDS}/releases/{MODEL}/*/record.zip"
    verify = allow(code_key, "kms:VerifyMac")
    answer = allow("*", "codepipeline:PutJobFailureResult", "codepipeline:PutJobSuccessResult")

    def assume(name: str, account: str = HOME) -> Document:
        return allow(f"arn:aws:iam::{account}:role/{name}", "sts:AssumeRole")

    _make_function(
        world,
        "recorder",
        told
        | reader
        | records
        | {"SOURCE_ACTION": "Record", "BUNDLE_BUCKET": ASSETS, "BUNDLE_KEY": "bundle.zip"}
        | {"BUNDLE_DIGESTS": json.dumps({n: hashlib.sha256(text.encode()).hexdigest() for n, text in BUNDLE.items()})}
        | {"ARTIFACTS": f"s3://{MODELS}/{MODEL}/training/", "REPOSITORY": REPOSITORY},
        [
            assume("reader"),
            allow(f"arn:aws:ecr:{REGION}:{HOME}:repository/tiny", "ecr:DescribeImages"),
            allow(f"arn:aws:s3:::{ASSETS}/bundle.zip", "s3:GetObject"),
            allow(code_key, "kms:GenerateMac"),
            allow(record, "s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"),
            allow(f"arn:aws:s3:::{RECORDS}", "s3:ListBucket"),
            allow(ARN, "codepipeline:ListPipelineExecutions", "codepipeline:StartPipelineExecution"),
        ],
    )
    _make_function(
        world,
        "verifier",
        told | reader | asked | {"REPOSITORY": REPOSITORY},
        [
            assume("reader"),
            verify,
            allow(ARN, "codepipeline:GetPipelineState"),
            allow(f"{ARN}/Approval/Ask", "codepipeline:PutApprovalResult"),
            answer,
        ],
    )
    check = f"arn:aws:iam::{HOME}:role/check"
    endpoints = {"STAGING_ENDPOINT": STAGING, "PRODUCTION_ENDPOINT": "none"}
    roles = {"STAGING_ROLE_ARN": check, "PRODUCTION_ROLE_ARN": check.replace(HOME, AWAY)}
    _make_function(world, "checker", {"MODEL": MODEL} | endpoints | roles, [assume("check"), answer])
    _make_function(
        world,
        "copier",
        told
        | asked
        | records
        | {"COPY_ROLE_ARN": f"arn:aws:iam::{AWAY}:role/copy", "MODELS_BUCKET": COPIES, "GROUP": GROUP}
        | {"SOURCE_REPOSITORY": REPOSITORY, "TARGET_REPOSITORY": TARGET},
        [
            assume("copy", AWAY),
            verify,
            allow(ARN, "codepipeline:GetPipelineExecution", "codepipeline:ListActionExecutions"),
            allow(f"arn:aws:s3:::{RECORDS}/releases/{MODEL}/answers/*", "s3:PutObject"),
            answer,
        ],
    )


def _make_function(world: World, name: str, environment: Mapping[str, str], statements: list[Document]) -> None:
    role = world.role(f"function-{name}", statements, principal={"Service": "lambda.amazonaws.com"})
    world.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.14",
        Role=role,
        Handler="index.handler",
        Code={"ZipFile": code(f"release_{name}")},
        Environment={"Variables": dict(environment)},
        Timeout=300,
    )


def _make_pipeline(world: World) -> None:
    told = {"S3Bucket": RECORDS, "S3ObjectKey": f"releases/{MODEL}/none/record.zip", "PollForSourceChanges": "false"}
    execution = "#{codepipeline.PipelineExecutionId}"

    def call(name: str, function: str, parameters: str, *, order: int = 1, **members: Any) -> Document:
        configuration = {"FunctionName": function, "UserParameters": parameters}
        return action(name, "Invoke/Lambda", configuration, inputs=["Record"], runOrder=order, **members)

    role = world.role(
        "pipeline",
        [
            allow(f"arn:aws:s3:::{RECORDS}/*", "s3:GetObject", "s3:GetObjectVersion"),
            allow(f"arn:aws:s3:::{STORE}/*", "s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"),
            allow([f"arn:aws:s3:::{RECORDS}", f"arn:aws:s3:::{STORE}"], "s3:GetBucketVersioning"),
            allow(f"arn:aws:lambda:{REGION}:{HOME}:function:*", "lambda:InvokeFunction"),
        ],
        principal={"Service": "codepipeline.amazonaws.com"},
    )
    source = action("Record", "Source/S3", told | {"AllowOverrideForS3ObjectKey": "true"}, outputs=["Record"])
    asking = approval("Approval", {"CustomData": "#{Verified.Summary}"})
    world.client("codepipeline").create_pipeline(
        pipeline={
            "name": PIPELINE,
            "roleArn": role,
            "pipelineType": "V2",
            "executionMode": "SUPERSEDED",
            "artifactStore": {"type": "S3", "location": STORE},
            "stages": [
                stage("Source", source),
                stage(
                    "Staging",
                    call("Verify", "verifier", execution, namespace="Verified"),
                    call("Check", "checker", "staging", order=2),
                ),
                asking,
                stage("Production", call("Copy", "copier", execution, namespace="Copied")),
            ],
        }
    )
