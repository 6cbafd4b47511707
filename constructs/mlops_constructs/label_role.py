"""The role in which the truth about a model's answers is delivered."""

from collections import defaultdict
from collections.abc import Sequence

from constructs import Construct

from mlops_constructs.environment_values import EnvironmentValues
from mlops_constructs.job_permissions import encrypt_objects, write_objects
from mlops_constructs.object_prefix import Storage
from mlops_constructs.platform_role import PlatformRole
from mlops_constructs.policy import Statement
from mlops_constructs.waiver import waive
from mlops_constructs.wildcards import OBJECT_NAMES
from plumbline.configuration import Deployment, Model, ModelJob


class LabelRole(Construct):
    """What delivers the labels of one model assumes: a system of the team's that knows how it turned out.

    Guarantees: only the roles that the model's `[monitoring]` names in full assume it, when their own policies allow it
    too; it writes labels of its model, encrypted through S3, and reads, lists and deletes nothing.

    Leaves out: who these roles are. They are made where the truth is known, in production's account or another.

    Attributes:
        role: The role.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        model: Model,
        labels_from: Sequence[str],
        values: EnvironmentValues,
    ) -> None:
        """Defines the role.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            deployment: The environment.
            model: The model.
            labels_from: Names of the environment's own roles, or ARNs of others', that deliver labels; one at least.
            values: Keys of the environment.
        """
        super().__init__(scope, construct_id)
        storage = Storage(deployment=deployment, data_key_arn=values.data_key_arn, models_key_arn=values.models_key_arn)
        labels = storage.capture(f"{model.name}/labels/")
        self.role = PlatformRole(
            self,
            "Role",
            platform=deployment.platform,
            account=deployment.account,
            role_name=deployment.role_name(model, ModelJob.LABEL),
            description=f"Delivers the truth about answers of {model.name}",
            trust=_trust(deployment, labels_from),
            statements=[*write_objects([labels]), *encrypt_objects(deployment, [labels])],
        )
        waive(self.role, OBJECT_NAMES.on(labels.objects_arn))


def _trust(deployment: Deployment, labels_from: Sequence[str]) -> list[Statement]:
    """A statement an account, which is there before its roles are."""
    by_account: dict[str, list[str]] = defaultdict(list)
    for name in labels_from:
        arn = name if name.startswith("arn:") else deployment.iam_arn(f"role/{name}")
        by_account[arn.split(":")[4]].append(arn)
    return [
        Statement(
            sid=f"AssumeFrom{account if account != deployment.account else 'OwnAccount'}",
            principal={"AWS": f"arn:{deployment.partition}:iam::{account}:root"},
            actions=["sts:AssumeRole"],
            conditions={"ArnEquals": {"aws:PrincipalArn": arns}},
        )
        for account, arns in by_account.items()
    ]
