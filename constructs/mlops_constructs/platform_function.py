"""A function of the platform."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from aws_cdk import RemovalPolicy
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3_assets as assets
from constructs import Construct

from mlops_constructs.dead_letter_queue import DeadLetterQueue
from mlops_constructs.log_retention import retention
from mlops_constructs.platform_role import PlatformRole
from mlops_constructs.policy import Statement
from mlops_constructs.service_trust import service_trust
from mlops_constructs.waiver import Waiver, compliance_rules, waive
from plumbline.configuration import Placement

_FUNCTIONS = Path(__file__).resolve().parents[2] / "functions"
_LAMBDA = "lambda.amazonaws.com"


class PlatformFunction(Construct):
    """Code of `functions/` with a role, a log group and a place for what failed.

    Guarantees: the role may do what is given, write to its own log group and to the dead-letter queue, and nothing
    else; the environment is encrypted; one instance at a time.

    Leaves out: a VPC. A function here calls AWS's control plane and holds no data.

    Attributes:
        function: The function.
        function_arn: Its ARN.
        role: Its role.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        placement: Placement,
        name: str,
        description: str,
        environment: Mapping[str, str],
        statements: Sequence[Statement],
        failures: DeadLetterQueue,
        key_arn: str,
    ) -> None:
        """Defines the function.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            placement: The environment, or what else it belongs to.
            name: Name of its folder below `functions/`, e.g. `account_guard`; `index.handler` is called.
            description: What it is for.
            environment: Environment variables; may hold tokens.
            statements: What it may do.
            failures: Where events go that it could not handle.
            key_arn: Key of the log group and of the environment variables.
        """
        super().__init__(scope, construct_id)
        full_name = placement.function_name(name)
        log_group = logs.LogGroup(
            self,
            "Logs",
            log_group_name=f"/{placement.platform.name}/{placement.part}/functions/{name}",
            encryption_key=kms.Key.from_key_arn(self, "LogKey", key_arn),
            retention=retention(placement.platform),
            removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        )
        self.role = PlatformRole(
            self,
            "Role",
            platform=placement.platform,
            account=placement.account,
            role_name=full_name,
            description=description,
            # Lambda takes a role of the function's own account only, and is not documented to say for which it acts.
            trust=[service_trust(_LAMBDA)],
            statements=[
                *statements,
                Statement(
                    sid="WriteLogs",
                    actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                    resources=[log_group.log_group_arn],
                ),
                Statement(sid="SendFailures", actions=["sqs:SendMessage"], resources=[failures.queue_arn]),
                Statement(
                    sid="EncryptFailures",
                    actions=["kms:Decrypt", "kms:GenerateDataKey"],
                    resources=[key_arn],
                    conditions={"StringEquals": {"kms:ViaService": f"sqs.{placement.region}.amazonaws.com"}},
                ),
                Statement(
                    sid="ReadEnvironment",
                    actions=["kms:Decrypt"],
                    resources=[key_arn],
                    conditions={
                        "StringEquals": {"kms:EncryptionContext:aws:lambda:FunctionArn": self._arn(placement, name)}
                    },
                ),
            ],
        )
        code = assets.Asset(self, "Code", path=str(_FUNCTIONS / name), exclude=["__pycache__", "*.pyc"])
        self.function_arn = self._arn(placement, name)
        self.function = lambda_.CfnFunction(
            self,
            "Function",
            function_name=full_name,
            description=description,
            runtime="python3.14",
            architectures=["arm64"],
            handler="index.handler",
            code=lambda_.CfnFunction.CodeProperty(s3_bucket=code.s3_bucket_name, s3_key=code.s3_object_key),
            role=self.role.role_arn,
            environment=lambda_.CfnFunction.EnvironmentProperty(variables=dict(environment)),
            kms_key_arn=key_arn,
            timeout=60,
            memory_size=256,
            reserved_concurrent_executions=1,
            dead_letter_config=lambda_.CfnFunction.DeadLetterConfigProperty(target_arn=failures.queue_arn),
            logging_config=lambda_.CfnFunction.LoggingConfigProperty(log_group=log_group.log_group_name),
            tracing_config=lambda_.CfnFunction.TracingConfigProperty(mode="PassThrough"),
        )
        waive(
            self.function,
            *(
                Waiver(
                    id="functions-of-the-control-plane",
                    rule=rule,
                    reason="The function calls AWS's control plane only, and holds no data; in the VPC it would need "
                    "an endpoint of every service that it calls, and so open the network of the jobs to them.",
                    owner="platform",
                    until=date(2027, 11, 30),
                )
                for rule in (*compliance_rules("LambdaInsideVPC"), "Plumbline::PL-LM-08")
            ),
        )

    @staticmethod
    def _arn(placement: Placement, name: str) -> str:
        return placement.arn("lambda", f"function:{placement.function_name(name)}")
