"""The log groups that SageMaker's jobs share, made before SageMaker makes them."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from mlops_constructs.log_retention import retention
from plumbline.configuration import Deployment

PROCESSING_LOG_GROUP = "/aws/sagemaker/ProcessingJobs"
TRAINING_LOG_GROUP = "/aws/sagemaker/TrainingJobs"


class JobLogGroups(Construct):
    """The log groups of processing and training jobs, encrypted and with an end.

    SageMaker would create them on the first job, without a key and for ever, and would need a job role that may create
    log groups. Their names are SageMaker's: an account in which jobs have run already has them, and they are then
    imported (`cdk import`) rather than created.

    Attributes:
        processing: Log group of processing jobs.
        training: Log group of training jobs.
    """

    def __init__(self, scope: Construct, construct_id: str, *, deployment: Deployment, key_arn: str) -> None:
        """Defines the log groups.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            deployment: The environment.
            key_arn: ARN of the key of logs.
        """
        super().__init__(scope, construct_id)
        key = kms.Key.from_key_arn(self, "Key", key_arn)
        self.processing = self._group("Processing", PROCESSING_LOG_GROUP, deployment, key)
        self.training = self._group("Training", TRAINING_LOG_GROUP, deployment, key)

    def _group(self, construct_id: str, name: str, deployment: Deployment, key: kms.IKey) -> logs.LogGroup:
        return logs.LogGroup(
            self,
            construct_id,
            log_group_name=name,
            encryption_key=key,
            retention=retention(deployment.platform),
            removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        )
