"""The KMS keys of one environment, one a purpose."""

from collections.abc import Sequence

from constructs import Construct

from mlops_constructs.foreign_reader import ForeignReader
from mlops_constructs.protected_key import ProtectedKey
from plumbline.configuration import Deployment, KeyPurpose


class EncryptionKeys(Construct):
    """Three keys, so that access to data, to models and to operations is given and taken apart.

    Attributes:
        data: Datasets, prepared data, evaluations and captured requests.
        models: Code, checkpoints, model artifacts and the volumes that hold them.
        operations: Logs.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        model_readers: Sequence[ForeignReader] = (),
    ) -> None:
        """Defines the keys.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            deployment: The environment.
            model_readers: Roles of other accounts that decrypt model artifacts; left out, no other account does.
        """
        super().__init__(scope, construct_id)
        self.data = self._key(
            deployment, KeyPurpose.DATA, "Datasets, prepared data, evaluations and capture", ("s3", "sagemaker")
        )
        self.models = self._key(
            deployment, KeyPurpose.MODELS, "Code, checkpoints and model artifacts", ("s3", "sagemaker"), model_readers
        )
        names = ("/aws/sagemaker/*", f"/{deployment.platform.name}/*")
        log_groups = [deployment.arn("logs", f"log-group:{name}") for name in names]
        self.operations = self._key(deployment, KeyPurpose.OPERATIONS, "Logs", (), log_groups=log_groups)

    def _key(
        self,
        deployment: Deployment,
        purpose: KeyPurpose,
        content: str,
        services: Sequence[str],
        readers: Sequence[ForeignReader] = (),
        log_groups: Sequence[str] = (),
    ) -> ProtectedKey:
        return ProtectedKey(
            self,
            purpose.value.capitalize(),
            account=deployment.account,
            region=deployment.region,
            partition=deployment.partition,
            alias=deployment.key_alias(purpose),
            description=f"{content} of {deployment.prefix}",
            services=services,
            readers=readers,
            log_groups=log_groups,
        )
