"""The buckets of one environment."""

from collections.abc import Sequence

from constructs import Construct

from mlops_constructs.access_log_bucket import AccessLogBucket
from mlops_constructs.encryption_keys import EncryptionKeys
from mlops_constructs.foreign_reader import ForeignReader
from mlops_constructs.protected_bucket import ForeignRead, ProtectedBucket
from plumbline.configuration import Deployment


class EnvironmentBuckets(Construct):
    """Data, models, capture, and the access logs of these three.

    Attributes:
        logs: Access logs.
        data: Datasets, prepared data, evaluations.
        models: Code, checkpoints, model artifacts.
        capture: What endpoints were asked and answered.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        keys: EncryptionKeys,
        model_readers: Sequence[ForeignReader] = (),
    ) -> None:
        """Defines the buckets.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            deployment: The environment.
            keys: Its keys.
            model_readers: Roles of other accounts that copy model artifacts; left out, no other account does.
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
        self.data = ProtectedBucket(
            self,
            "Data",
            bucket_name=deployment.data_bucket,
            key=keys.data.key,
            access_logs=access_logs,
            accounts=accounts,
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
