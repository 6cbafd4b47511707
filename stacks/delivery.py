"""What delivers to all accounts."""

from collections.abc import Mapping

from aws_cdk import Stack, Stage
from constructs import Construct

from mlops_constructs.access_log_bucket import AccessLogBucket
from mlops_constructs.approval_forwarding import ApprovalsAdmitted
from mlops_constructs.delivery_approver_role import DeliveryApproverRole
from mlops_constructs.delivery_pipeline import DeliveryPipeline
from mlops_constructs.delivery_safeguards import DeliverySafeguards, safeguards_key_use
from mlops_constructs.delivery_source import DeliverySource, source_key_use
from mlops_constructs.foreign_reader import (
    copying_roles,
    deploy_roles,
    own_releasing_roles,
    pulling_roles,
    releasing_roles,
)
from mlops_constructs.operations_topic import OperationsTopic
from mlops_constructs.pipeline_alerts import PipelineAlerts
from mlops_constructs.policy import Statement
from mlops_constructs.protected_bucket import ForeignRead, ProtectedBucket
from mlops_constructs.protected_key import ProtectedKey
from mlops_constructs.record_key import RecordKey, deny_other_records
from mlops_constructs.release_values import PublishedReleaseValues
from mlops_constructs.runtime_repository import RuntimeRepository
from mlops_constructs.service_key_use import alarms_use, dead_letters_use, events_use, log_groups_use
from plumbline.configuration import Environment, Platform
from stacks.platform_stack import PlatformStack

# Records are evidence: none is deleted or overwritten in this time.
_RECORD_DAYS = 365


class DeliveryStack(PlatformStack):
    """Delivery pipeline, its buckets and key, and the repository of the runtime image, in the delivery account."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        platform: Platform,
        stages: Mapping[Environment, Stage],
        delivered: Mapping[Environment, Stack],
        releases: Stage,
        command_line_version: str,
    ) -> None:
        """Composes the stack.

        Args:
            scope: The Stage.
            construct_id: Id in the Stage.
            platform: The configuration.
            stages: The stacks of each environment, in the order in which a change reaches them.
            delivered: The stack of each environment that says which commit it has.
            releases: The release pipelines.
            command_line_version: Exact version of the CDK command line that deploys.
        """
        delivery = platform.delivery
        super().__init__(
            scope,
            construct_id,
            platform=platform,
            account=delivery.account,
            stack_name=delivery.prefix,
            description="Delivery pipeline and repository of the runtime image",
            tags={**platform.tags, "environment": "delivery"},
            termination_protection=True,
        )
        readers = deploy_roles(platform)
        releasing, releases_of_models = releasing_roles(platform), f"{platform.name}-release-*"
        log_groups = [
            delivery.arn("logs", f"log-group:/{platform.name}/{part}/*") for part in ("delivery", "release-*")
        ]
        key = ProtectedKey(
            self,
            "Key",
            account=delivery.account,
            region=delivery.region,
            partition=delivery.partition,
            alias=delivery.key_alias,
            description=f"Images, artifacts, records and logs of {delivery.prefix}",
            administrators=[delivery.execution_role_arn],
            users=[
                delivery.execution_role_arn,
                delivery.deploy_role_arn,
                delivery.iam_arn(f"role/{delivery.prefix}-*"),
                delivery.iam_arn(f"role/{releases_of_models}"),
                *own_releasing_roles(platform),
            ],
            services=("ecr", "lambda", "s3", "sqs"),
            readers=[*readers, *releasing],
            service_use=[
                log_groups_use(delivery, log_groups),
                events_use(delivery.operations_topic_arn),
                alarms_use(delivery, delivery.operations_topic_arn),
                dead_letters_use(
                    delivery, delivery.arn("sqs", releases_of_models), sid="KeepUnreleased", rules=releases_of_models
                ),
                *source_key_use(delivery),
                *safeguards_key_use(delivery),
            ],
        ).key
        access_logs = AccessLogBucket(
            self,
            "AccessLogs",
            bucket_name=delivery.logs_bucket,
            accounts=platform.account_ids,
            retention_days=platform.compliance.log_retention_days,
        ).bucket
        artifacts = ProtectedBucket(
            self,
            "Artifacts",
            bucket_name=delivery.artifacts_bucket,
            key=key,
            access_logs=access_logs,
            accounts=platform.account_ids,
            foreign_reads=[
                *(ForeignRead(reader=reader, objects="*") for reader in readers),
                *(ForeignRead(reader=reader, objects=releases_of_models) for reader in releasing),
            ],
            # The bootstrap lets its deploy role read artifacts of other accounts' buckets only; here the bucket has to.
            service_access=[
                Statement(
                    sid="ReadToDeploy",
                    principal={"AWS": delivery.deploy_role_arn},
                    actions=["s3:GetObject"],
                    resources=[f"arn:{delivery.partition}:s3:::{delivery.artifacts_bucket}/*"],
                )
            ],
        )
        records = ProtectedBucket(
            self,
            "Records",
            bucket_name=delivery.records_bucket,
            key=key,
            access_logs=access_logs,
            accounts=platform.account_ids,
            locked_days=_RECORD_DAYS,
            service_access=[deny_other_records(delivery)],
        )
        records_key = RecordKey(self, "RecordKey", delivery=delivery).key
        PublishedReleaseValues(self, "Values", delivery=delivery, key=key, records_key=records_key)
        production = platform.deployment(Environment.PRODUCTION)
        RuntimeRepository(
            self,
            "Runtime",
            platform=platform,
            key=key,
            pullers=[
                *(pulling_roles(one) for one in platform.deployments() if one.image_account == delivery.account),
                copying_roles(production),
            ],
        )
        OperationsTopic(self, "Alerts", placement=delivery, key=key)
        watched = [artifacts, records]
        if delivery.starts_by_rule:
            source = DeliverySource(self, "Source", delivery=delivery, key=key, access_logs=access_logs)
            watched += [source.archive] if source.archive else []
        if delivery.has_own_account:
            DeliverySafeguards(
                self,
                "Safeguards",
                delivery=delivery,
                key=key,
                access_logs=access_logs,
                watched=[one.bucket for one in watched],
            )
        DeliveryPipeline(
            self,
            "Delivery",
            delivery=delivery,
            stages=stages,
            delivered=delivered,
            releases=releases,
            artifacts=artifacts,
            key=key,
            command_line_version=command_line_version,
        )
        registry = platform.deployment(Environment.STAGING)
        if registry.account != delivery.account:
            ApprovalsAdmitted(self, "Approvals", delivery=delivery, registry=registry)
        DeliveryApproverRole(self, "Approver", delivery=delivery, key_arn=key.key_arn)
        PipelineAlerts(self, "PipelineAlerts", delivery=delivery)
