"""What everything else in an account stands on."""

from constructs import Construct

from mlops_constructs.audit_trail import AuditTrail
from mlops_constructs.encryption_keys import EncryptionKeys
from mlops_constructs.environment_buckets import EnvironmentBuckets
from mlops_constructs.environment_values import PublishedValues
from mlops_constructs.foreign_reader import copying_roles, pulling_roles, replicating_role
from mlops_constructs.isolated_network import IsolatedNetwork
from mlops_constructs.operations_topic import OperationsTopic
from mlops_constructs.platform_bus import PlatformBus
from mlops_constructs.runtime_repository import RuntimeRepository
from plumbline.configuration import Deployment
from stacks.environment_stack import EnvironmentStack


class FoundationStack(EnvironmentStack):
    """Keys, network, buckets, audit trail, event bus and operations topic of one environment."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        releases_to: Deployment | None = None,
        labelled_to: Deployment | None = None,
    ) -> None:
        """Composes the stack.

        Args:
            scope: The Stage.
            construct_id: Id in the Stage.
            deployment: The environment.
            releases_to: The other environment that gets copies of what is registered here, and from which labelled
                data comes back; left out, none does.
            labelled_to: The environment to which labelled data is replicated from here; left out, none leaves.
        """
        super().__init__(
            scope,
            construct_id,
            deployment=deployment,
            kind="foundation",
            description="Keys, network, buckets, audit trail, event bus and alerts",
            stateful=True,
        )
        readers = [copying_roles(releases_to)] if releases_to else []
        # Within an account, a bucket's policy need not name whom an identity policy lets in; a key's has to.
        foreign = [reader for reader in readers if reader.account != deployment.account]
        keys = EncryptionKeys(
            self,
            "Keys",
            deployment=deployment,
            model_readers=readers,
            data_replicators=[replicating_role(releases_to)] if releases_to else [],
            archives_events=bool(releases_to),
        )
        network = IsolatedNetwork(self, "Network", deployment=deployment, key=keys.operations.key)
        buckets = EnvironmentBuckets(
            self,
            "Buckets",
            deployment=deployment,
            keys=keys,
            model_readers=foreign,
            labelled_to=labelled_to,
            labelled_from=releases_to,
        )
        if deployment.platform.keeps_own_trails:
            AuditTrail(
                self,
                "Trail",
                placement=deployment,
                key=keys.operations.key,
                access_logs=buckets.logs.bucket,
                watched=[buckets.data.bucket, buckets.models.bucket, buckets.capture.bucket],
            )
        if deployment.image_account != deployment.platform.delivery_account:
            RuntimeRepository(
                self,
                "Runtime",
                platform=deployment.platform,
                key=keys.models.key,
                pullers=[pulling_roles(deployment)],
            )
        OperationsTopic(self, "Alerts", placement=deployment, key=keys.operations.key)
        # What happens to a released model is told to where it came from, and nothing the other way.
        PlatformBus(
            self,
            "Events",
            deployment=deployment,
            key=keys.operations.key,
            senders=[releases_to] if releases_to else [],
        )
        PublishedValues(self, "Values", deployment=deployment, network=network, keys=keys)
