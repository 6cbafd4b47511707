"""Ids that AWS invents, handed from the foundation to the other stacks of an account by SSM parameters.

An export would pin the two stacks to each other: the value could not change while anybody reads it. A parameter is read
anew on each deployment.
"""

from aws_cdk import CfnParameter
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from mlops_constructs.encryption_keys import EncryptionKeys
from mlops_constructs.isolated_network import IsolatedNetwork
from plumbline.configuration import Deployment

_VPC = "network/vpc"
_SUBNET_A = "network/subnet-a"
_SUBNET_B = "network/subnet-b"
_JOB_SECURITY_GROUP = "network/job-security-group"
_WORKBENCH_SECURITY_GROUP = "network/workbench-security-group"
_DATA_KEY = "keys/data"
_MODELS_KEY = "keys/models"
_OPERATIONS_KEY = "keys/operations"


_OF_SERVING = (_SUBNET_A, _SUBNET_B, _JOB_SECURITY_GROUP, _DATA_KEY, _MODELS_KEY, _OPERATIONS_KEY)


def serving_value_arns(deployment: Deployment) -> list[str]:
    """ARNs of the parameters that the stack of an endpoint reads, the version of the bootstrap included."""
    version = deployment.arn("ssm", f"parameter/cdk-bootstrap/{deployment.platform.name}/version")
    return [*_arns(deployment, _OF_SERVING), version]


def key_value_arns(deployment: Deployment) -> list[str]:
    """ARNs of the parameters that tell the keys of data and models."""
    return _arns(deployment, (_DATA_KEY, _MODELS_KEY))


def _arns(deployment: Deployment, paths: tuple[str, ...]) -> list[str]:
    return [deployment.arn("ssm", f"parameter{deployment.parameter(path)}") for path in paths]


class PublishedValues(Construct):
    """Writes the ids of an environment's network and the ARNs of its keys to SSM parameters."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        network: IsolatedNetwork,
        keys: EncryptionKeys,
    ) -> None:
        """Defines the parameters.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            deployment: The environment.
            network: Its network.
            keys: Its keys.
        """
        super().__init__(scope, construct_id)
        subnet_a, subnet_b = network.subnet_ids
        for name, path, value in (
            ("Vpc", _VPC, network.vpc_id),
            ("SubnetA", _SUBNET_A, subnet_a),
            ("SubnetB", _SUBNET_B, subnet_b),
            ("JobSecurityGroup", _JOB_SECURITY_GROUP, network.job_security_group_id),
            ("WorkbenchSecurityGroup", _WORKBENCH_SECURITY_GROUP, network.workbench_security_group_id),
            ("DataKey", _DATA_KEY, keys.data.key.key_arn),
            ("ModelsKey", _MODELS_KEY, keys.models.key.key_arn),
            ("OperationsKey", _OPERATIONS_KEY, keys.operations.key.key_arn),
        ):
            if value is not None:
                ssm.CfnParameter(self, name, name=deployment.parameter(path), type="String", value=value)


class EnvironmentValues(Construct):
    """Reads what `PublishedValues` wrote, when the stack is deployed.

    Each value is read on first use, so that a stack asks for no more parameters than it needs.
    """

    def __init__(self, scope: Construct, construct_id: str, *, deployment: Deployment) -> None:
        """Prepares to read.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            deployment: The environment whose values are read.
        """
        super().__init__(scope, construct_id)
        self._deployment = deployment
        self._read: dict[str, str] = {}

    @property
    def subnet_a(self) -> str:
        """Id of the subnet in the first zone."""
        return self._value("SubnetA", _SUBNET_A)

    @property
    def subnet_b(self) -> str:
        """Id of the subnet in the second zone."""
        return self._value("SubnetB", _SUBNET_B)

    @property
    def subnets(self) -> list[str]:
        """Ids of both subnets."""
        return [self.subnet_a, self.subnet_b]

    @property
    def job_security_group(self) -> str:
        """Id of the security group of jobs and endpoints."""
        return self._value("JobSecurityGroup", _JOB_SECURITY_GROUP)

    @property
    def vpc(self) -> str:
        """Id of the VPC."""
        return self._value("Vpc", _VPC)

    @property
    def workbench_security_group(self) -> str:
        """Id of the security group of Studio spaces."""
        return self._value("WorkbenchSecurityGroup", _WORKBENCH_SECURITY_GROUP)

    @property
    def data_key_arn(self) -> str:
        """ARN of the key of data."""
        return self._value("DataKey", _DATA_KEY)

    @property
    def models_key_arn(self) -> str:
        """ARN of the key of models."""
        return self._value("ModelsKey", _MODELS_KEY)

    @property
    def operations_key_arn(self) -> str:
        """ARN of the key of logs."""
        return self._value("OperationsKey", _OPERATIONS_KEY)

    def _value(self, name: str, path: str) -> str:
        if name not in self._read:
            parameter = CfnParameter(
                self, name, type="AWS::SSM::Parameter::Value<String>", default=self._deployment.parameter(path)
            )
            parameter.override_logical_id(name)
            self._read[name] = parameter.value_as_string
        return self._read[name]
