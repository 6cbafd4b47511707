"""What decides whether a model is trained anew."""

import json
from collections.abc import Mapping
from datetime import date

from aws_cdk import CfnDeletionPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from constructs import Construct

from mlops_constructs.dead_letter_queue import DeadLetterQueue
from mlops_constructs.environment_values import EnvironmentValues
from mlops_constructs.function_rule import FunctionRule
from mlops_constructs.platform_function import PlatformFunction
from mlops_constructs.policy import Statement
from mlops_constructs.waiver import Waiver, waive
from mlops_constructs.wildcards import OBJECT_NAMES, ONE_A_MODEL, WITHOUT_RESOURCES
from plumbline.configuration import REQUEST_SOURCE, REQUEST_TYPE, Deployment

GOVERNOR = "retraining_governor"
_SHARED = "release_shared"
_BACKUP_RULES = tuple(f"{pack}::{pack}-DynamoDBInBackupPlan" for pack in ("HIPAA.Security", "NIST.800.53.R5"))
# A commit that was delivered is decided on for every model.
_SECONDS = 300
_ENDED = ["Succeeded", "Failed", "Stopped"]


class RetrainingGovernor(Construct):
    """One function for all models of the environment, a table of its decisions, and the rules that call it.

    | rule | bus | when |
    |---|---|---|
    | drift | platform | production's alarm that a model deviates goes off |
    | request | platform | an approver asks for a retraining |
    | dataset | default | a dataset has come |
    | code | default | a commit was delivered |
    | run | default | a training run has ended |

    Guarantees: it starts the training pipelines of the environment and nothing else; every decision, yes or no, is in
    the table with its reason, which is encrypted, backed up and kept from deletion; what it could not decide on lies in
    a queue, and people are told. The time of a request is when EventBridge took it in: whoever asks says no time.

    Leaves out: the settings of each model (`RetrainingSettings`).

    Attributes:
        table: The table.
        function: The function.
        rules: The rules, by what they hear.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        production: Deployment,
        values: EnvironmentValues,
        failures: DeadLetterQueue,
    ) -> None:
        """Defines table, function and rules.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            deployment: The environment, in which training runs of record are made.
            production: The environment whose alarms are heard.
            values: Keys of the environment.
            failures: Where events go that could not be handled.
        """
        super().__init__(scope, construct_id)
        self._deployment, self._failures = deployment, failures
        self.table = dynamodb.CfnTable(
            self,
            "Table",
            table_name=deployment.retraining_table,
            attribute_definitions=[
                dynamodb.CfnTable.AttributeDefinitionProperty(attribute_name=name, attribute_type="S")
                for name in ("model", "item")
            ],
            key_schema=[
                dynamodb.CfnTable.KeySchemaProperty(attribute_name="model", key_type="HASH"),
                dynamodb.CfnTable.KeySchemaProperty(attribute_name="item", key_type="RANGE"),
            ],
            billing_mode="PAY_PER_REQUEST",
            deletion_protection_enabled=True,
            point_in_time_recovery_specification=dynamodb.CfnTable.PointInTimeRecoverySpecificationProperty(
                point_in_time_recovery_enabled=True
            ),
            sse_specification=dynamodb.CfnTable.SSESpecificationProperty(
                sse_enabled=True, sse_type="KMS", kms_master_key_id=values.operations_key_arn
            ),
        )
        self.table.cfn_options.deletion_policy = CfnDeletionPolicy.RETAIN_EXCEPT_ON_CREATE
        self.table.cfn_options.update_replace_policy = CfnDeletionPolicy.RETAIN
        waive(
            self.table,
            *(
                Waiver(
                    id="restored-to-any-second",
                    rule=rule,
                    reason="Point-in-time recovery restores the table to any second of the last 35 days, and deletion "
                    "protection keeps it; a backup plan would add copies of decisions that the models' packages and "
                    "the trail record as well.",
                    owner="platform",
                    until=date(2027, 11, 30),
                )
                for rule in _BACKUP_RULES
            ),
        )
        self.function = self._function(production, values)
        prefix = deployment.prefix
        pipelines = deployment.arn("sagemaker", f"pipeline/{prefix}-")
        self.rules = {
            "drift": self._rule(
                "Drift",
                "Production's alarm that a model deviates has gone off",
                {
                    "source": ["aws.cloudwatch"],
                    "account": [production.account],
                    "detail-type": ["CloudWatch Alarm State Change"],
                    "detail": {
                        "alarmName": [{"wildcard": f"{production.prefix}-*-drift"}],
                        "state": {"value": ["ALARM"]},
                    },
                },
                bus=deployment.event_bus,
            ),
            "request": self._rule(
                "Request",
                "A person asks for a retraining",
                {"source": [REQUEST_SOURCE], "account": [deployment.account], "detail-type": [REQUEST_TYPE]},
                bus=deployment.event_bus,
                told=self._as_taken_in(),
            ),
            "dataset": self._rule(
                "Dataset",
                "A dataset has come",
                {
                    "source": ["aws.s3"],
                    "detail-type": ["Object Created"],
                    "detail": {
                        "bucket": {"name": [deployment.data_bucket]},
                        "object": {"key": [{"wildcard": "*/datasets/*/dataset.json"}]},
                    },
                },
            ),
            "code": self._rule(
                "Code",
                "A commit was delivered",
                {
                    "source": ["aws.ssm"],
                    "detail-type": ["Parameter Store Change"],
                    "detail": {"name": [deployment.commit_parameter], "operation": ["Create", "Update"]},
                },
            ),
            "run": self._rule(
                "Run",
                "A training run has ended",
                {
                    "source": ["aws.sagemaker"],
                    "detail-type": ["SageMaker Model Building Pipeline Execution Status Change"],
                    "resources": [{"prefix": pipelines}],
                    "detail": {"currentPipelineExecutionStatus": _ENDED},
                },
            ),
        }

    def _function(self, production: Deployment, values: EnvironmentValues) -> PlatformFunction:
        deployment = self._deployment
        prefix = deployment.prefix
        pipelines = deployment.arn("sagemaker", f"pipeline/{prefix}-*")
        executions = f"{pipelines}/execution/*"
        versions = deployment.arn("sagemaker", f"model-package/{prefix}-*/*")
        settings = deployment.arn("ssm", f"parameter{deployment.retraining_settings}")
        data = f"arn:{deployment.partition}:s3:::{deployment.data_bucket}"
        datasets = f"{data}/*/datasets/*/dataset.json"
        windows = f"{data}/labelled/*/*/labelled.json"
        given = [f"{data}/*/labelled/*/{name}.json" for name in ("labelled", "manifest")]
        commit = deployment.arn("ssm", f"parameter{deployment.commit_parameter}")
        function = PlatformFunction(
            self,
            "Function",
            placement=deployment,
            name=GOVERNOR,
            shared=_SHARED,
            description=f"Decides which signals train models of {prefix} anew",
            environment={
                "ACCOUNT": deployment.account,
                "PREFIX": prefix,
                "PRODUCTION_ACCOUNT": production.account,
                "PRODUCTION_PREFIX": production.prefix,
                "DATA_BUCKET": deployment.data_bucket,
                "COMMIT_PARAMETER": deployment.commit_parameter,
                "SETTINGS_PREFIX": deployment.retraining_settings,
                "TABLE": deployment.retraining_table,
                "OPERATIONS_TOPIC_ARN": deployment.operations_topic_arn,
            },
            statements=[
                Statement(
                    sid="KeepDecisions",
                    actions=["dynamodb:GetItem", "dynamodb:PutItem"],
                    resources=[deployment.arn("dynamodb", f"table/{deployment.retraining_table}")],
                ),
                self._key_use("OpenTable", values.operations_key_arn, "dynamodb", ["kms:Decrypt"]),
                Statement(
                    sid="StartRuns",
                    actions=["sagemaker:ListPipelineExecutions", "sagemaker:StartPipelineExecution"],
                    resources=[pipelines],
                ),
                Statement(
                    sid="SeeRuns",
                    actions=["sagemaker:DescribePipelineExecution", "sagemaker:ListPipelineExecutionSteps"],
                    resources=[executions],
                ),
                Statement(sid="FindVersions", actions=["sagemaker:ListModelPackages"], resources=["*"]),
                Statement(sid="ReadChampion", actions=["sagemaker:DescribeModelPackage"], resources=[versions]),
                Statement(
                    sid="FindDatasets",
                    actions=["s3:ListBucket"],
                    resources=[data],
                    conditions={"StringLike": {"s3:prefix": ["*/datasets/*", "labelled/*"]}},
                ),
                Statement(sid="SeeDatasets", actions=["s3:GetObject"], resources=[datasets, windows]),
                Statement(sid="GiveWindows", actions=["s3:PutObject"], resources=given),
                self._key_use("UseData", values.data_key_arn, "s3", ["kms:Decrypt", "kms:GenerateDataKey"]),
                Statement(
                    sid="ReadSettings",
                    actions=["ssm:GetParameter", "ssm:GetParametersByPath"],
                    resources=[commit, settings, f"{settings}/*"],
                ),
                Statement(sid="CallPerson", actions=["sns:Publish"], resources=[deployment.operations_topic_arn]),
                self._key_use("EncryptCall", values.operations_key_arn, "sns", ["kms:Decrypt", "kms:GenerateDataKey"]),
            ],
            failures=self._failures,
            key_arn=values.operations_key_arn,
            timeout_seconds=_SECONDS,
        )
        waive(
            function.role,
            ONE_A_MODEL.on(pipelines, executions, versions, f"{settings}/*"),
            OBJECT_NAMES.on(datasets, windows, *given),
            WITHOUT_RESOURCES.on("*"),
        )
        return function

    def _key_use(self, sid: str, key_arn: str, service: str, actions: list[str]) -> Statement:
        return Statement(
            sid=sid,
            actions=actions,
            resources=[key_arn],
            conditions={"StringEquals": {"kms:ViaService": f"{service}.{self._deployment.region}.amazonaws.com"}},
        )

    def _as_taken_in(self) -> events.CfnRule.InputTransformerProperty:
        """A request as an event whose time is EventBridge's, for a sender may say any (`Time` of PutEvents).

        EventBridge user guide, "Input transformation": the ingestion time is "the time at which the event was received
        by EventBridge", and "can't be overwritten"; a text that stands by itself gets quotes.
        """
        constant = {"source": REQUEST_SOURCE, "detail-type": REQUEST_TYPE, "account": self._deployment.account}
        return events.CfnRule.InputTransformerProperty(
            input_paths_map={"detail": "$.detail"},
            input_template=json.dumps(constant)[:-1]
            + ', "time": <aws.events.event.ingestion-time>, "detail": <detail>}',
        )

    def _rule(
        self,
        construct_id: str,
        description: str,
        pattern: Mapping[str, object],
        *,
        bus: str | None = None,
        told: events.CfnRule.InputTransformerProperty | None = None,
    ) -> FunctionRule:
        rule = FunctionRule(
            self,
            construct_id,
            placement=self._deployment,
            name=f"{self._deployment.prefix}-governor-{construct_id.lower()}",
            description=description,
            function=GOVERNOR,
            pattern=pattern,
            bus=bus,
            told=told,
        )
        # Lambda lets a rule in only by the name of a function that is there.
        rule.node.add_dependency(self.function.function)
        return rule
