"""Keys of the delivery account, handed to the stacks of releases by SSM parameters.

The reason is the same as between the stacks of an environment: an export would pin the stacks to each other.
"""

from aws_cdk import CfnParameter
from aws_cdk import aws_kms as kms
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from plumbline.configuration import Delivery


class PublishedReleaseValues(Construct):
    """Writes the ARNs of the delivery account's keys to SSM parameters."""

    def __init__(
        self, scope: Construct, construct_id: str, *, delivery: Delivery, key: kms.IKey, records_key: kms.IKey
    ) -> None:
        """Defines the parameters.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            delivery: What delivers.
            key: Key of images, artifacts, records and logs.
            records_key: Key of the codes of release records.
        """
        super().__init__(scope, construct_id)
        for name, path, value in (
            ("Key", delivery.key_parameter, key.key_arn),
            ("RecordsKey", delivery.records_key_parameter, records_key.key_arn),
        ):
            ssm.CfnParameter(self, name, name=path, type="String", value=value)


class ReleaseValues(Construct):
    """Reads what `PublishedReleaseValues` wrote, when the stack is deployed.

    Attributes:
        key_arn: ARN of the key of artifacts, records and logs.
        records_key_arn: ARN of the key of the codes of release records.
    """

    def __init__(self, scope: Construct, construct_id: str, *, delivery: Delivery) -> None:
        """Prepares to read.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            delivery: What delivers.
        """
        super().__init__(scope, construct_id)
        self.key_arn = self._value("Key", delivery.key_parameter)
        self.records_key_arn = self._value("RecordsKey", delivery.records_key_parameter)

    def _value(self, name: str, path: str) -> str:
        parameter = CfnParameter(self, name, type="AWS::SSM::Parameter::Value<String>", default=path)
        parameter.override_logical_id(name)
        return parameter.value_as_string
