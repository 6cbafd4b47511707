"""The KMS keys of one environment, one a purpose."""

from collections.abc import Sequence

from constructs import Construct

from mlops_constructs.foreign_reader import ForeignReader
from mlops_constructs.policy import Statement
from mlops_constructs.protected_key import ProtectedKey
from mlops_constructs.service_key_use import (
    alarms_use,
    buses_use,
    dead_letters_use,
    events_use,
    log_groups_use,
    trail_use,
)
from plumbline.configuration import Deployment, KeyPurpose


class EncryptionKeys(Construct):
    """Three keys, so that access to data, to models and to operations is given and taken apart.

    Attributes:
        data: Datasets, prepared data, evaluations and captured requests.
        models: Code, checkpoints, model artifacts and the volumes that hold them.
        operations: Logs, the audit trail, events, and what the operations topic says.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        model_readers: Sequence[ForeignReader] = (),
        data_replicators: Sequence[ForeignReader] = (),
        archives_events: bool = False,
    ) -> None:
        """Defines the keys.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            deployment: The environment.
            model_readers: Roles of other environments that decrypt model artifacts; left out, none do.
            data_replicators: Roles of other environments that encrypt labelled data; left out, none do.
            archives_events: Whether events of the platform's bus are archived here.
        """
        super().__init__(scope, construct_id)
        self.data = self._key(
            deployment,
            KeyPurpose.DATA,
            "Datasets, prepared data, evaluations and capture",
            ("s3", "sagemaker"),
            replicators=data_replicators,
        )
        self.models = self._key(
            deployment,
            KeyPurpose.MODELS,
            "Code, checkpoints and model artifacts",
            # An environment with copies of what was released has the image's layers among them.
            ("s3", "sagemaker", *(("ecr",) if deployment.is_production else ())),
            model_readers,
        )
        names = ("/aws/sagemaker/*", f"/{deployment.platform.name}/*")
        log_groups = [deployment.arn("logs", f"log-group:{name}") for name in names]
        own_trail = deployment.platform.keeps_own_trails
        self.operations = self._key(
            deployment,
            KeyPurpose.OPERATIONS,
            "Logs, audit trail, events and alerts",
            (
                "events",
                "lambda",
                "sqs",
                *(("s3",) if own_trail else ()),
                *(("dynamodb", "sns") if deployment.governs else ()),
            ),
            service_use=[
                log_groups_use(deployment, log_groups),
                alarms_use(deployment, deployment.operations_topic_arn),
                events_use(deployment.operations_topic_arn),
                dead_letters_use(deployment, deployment.arn("sqs", deployment.dead_letter_queue("events"))),
                *buses_use(deployment, archived=archives_events),
                *(trail_use(deployment) if own_trail else []),
            ],
        )

    def _key(
        self,
        deployment: Deployment,
        purpose: KeyPurpose,
        content: str,
        services: Sequence[str],
        readers: Sequence[ForeignReader] = (),
        replicators: Sequence[ForeignReader] = (),
        service_use: Sequence[Statement] = (),
    ) -> ProtectedKey:
        roles = deployment.iam_arn(f"role/{deployment.prefix}-*")
        execution_role = deployment.execution_role_arn
        return ProtectedKey(
            self,
            purpose.value.capitalize(),
            account=deployment.account,
            region=deployment.region,
            partition=deployment.partition,
            alias=deployment.key_alias(purpose),
            description=f"{content} of {deployment.prefix}",
            administrators=[execution_role],
            # CloudFormation encrypts the environment of functions; data and models are none of its business.
            users=[roles, execution_role] if purpose is KeyPurpose.OPERATIONS else [roles],
            services=services,
            readers=readers,
            replicators=replicators,
            service_use=service_use,
        )
