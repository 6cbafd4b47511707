"""The buckets of one environment."""

from collections.abc import Sequence

from constructs import Construct

from mlops_constructs.access_log_bucket import AccessLogBucket
from mlops_constructs.encryption_keys import EncryptionKeys
from mlops_constructs.foreign_reader import ForeignReader, replicating_role
from mlops_constructs.labelled_replication import LabelledReplication
from mlops_constructs.protected_bucket import ForeignRead, ProtectedBucket, Replicas
from plumbline.configuration import LABELLED, Deployment


class EnvironmentBuckets(Construct):
    """Data, models, capture, and the access logs of these three.

    Attributes:
        logs: Access logs.
        data: Datasets, prepared data, evaluations.
        models: Code, checkpoints, model artifacts.
        capture: What endpoints were asked and answered.
        replication: How labelled data leaves; none where it does not.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        keys: EncryptionKeys,
        model_readers: Sequence[ForeignReader] = (),
        labelled_to: Deployment | None = None,
        labelled_from: Deployment | None = None,
    ) -> None:
        """Defines the buckets.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            deployment: The environment.
            keys: Its keys.
            model_readers: Roles of other accounts that copy model artifacts; left out, no other account does.
            labelled_to: The environment to which labelled data is replicated; left out, none leaves.
            labelled_from: The environment from which labelled data is replicated; left out, none comes.
        """
        super().__init__(scope, construct_id)
        accounts = deployment.platform.account_ids
        self.logs = AccessLogBucket(
            self,
            "Logs",
            bucket_name=deployment.logs_bucket,
            accounts=accounts,
            retention_days=deployment.platform.compliance.log_retention_days,
        )
        access_logs = self.logs.bucket
        self.replication = (
            LabelledReplication(self, "Labelled", deployment=deployment, to=labelled_to, key_arn=keys.data.key.key_arn)
            if labelled_to
            else None
        )
        self.data = ProtectedBucket(
            self,
            "Data",
            bucket_name=deployment.data_bucket,
            key=keys.data.key,
            access_logs=access_logs,
            accounts=accounts,
            replicas=(
                Replicas(replicator=replicating_role(labelled_from), prefix=f"{LABELLED}/") if labelled_from else None
            ),
            replication=self.replication.configuration if self.replication else None,
            tells_events=deployment.governs,
        )
        self.models = ProtectedBucket(
            self,
            "Models",
            bucket_name=deployment.models_bucket,
            key=keys.models.key,
            access_logs=access_logs,
            accounts=accounts,
            foreign_reads=[ForeignRead(reader=reader, objects="*/training/*") for reader in model_readers],
        )
        self.capture = ProtectedBucket(
            self,
            "Capture",
            bucket_name=deployment.capture_bucket,
            key=keys.data.key,
            access_logs=access_logs,
            accounts=accounts,
        )
