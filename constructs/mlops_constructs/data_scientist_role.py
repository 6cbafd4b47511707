"""What data scientists may do."""

from constructs import Construct

from mlops_constructs.environment_values import EnvironmentValues, key_value_arns
from mlops_constructs.object_prefix import Storage
from mlops_constructs.person_role import PersonRole
from mlops_constructs.policy import Statement
from mlops_constructs.waiver import waive
from mlops_constructs.wildcards import LOG_STREAMS, OBJECT_NAMES, ONE_A_MODEL, WITHOUT_RESOURCES
from plumbline.configuration import Deployment, Person

_READS = (
    "sagemaker:DescribeModelPackage",
    "sagemaker:DescribeModelPackageGroup",
    "sagemaker:DescribePipeline",
    "sagemaker:DescribePipelineDefinitionForExecution",
    "sagemaker:DescribePipelineExecution",
    "sagemaker:DescribeProcessingJob",
    "sagemaker:DescribeTrainingJob",
    "sagemaker:ListModelPackages",
    "sagemaker:ListPipelineExecutionSteps",
    "sagemaker:ListPipelineExecutions",
    "sagemaker:ListPipelineParametersForExecution",
)


class DataScientistRole(Construct):
    """In dev they work: bring datasets and code, run pipelines, ask prices, look at all. In staging they only look.

    Guarantees: no role for them in production; nothing but objects below a model's `datasets/`, `code/` and `champion/`
    is written; no role is made or passed, no job is started but by a pipeline.

    Attributes:
        person: The role.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, deployment: Deployment, values: EnvironmentValues
    ) -> None:
        """Defines the role.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            deployment: Dev or staging.
            values: Keys of the environment.
        """
        super().__init__(scope, construct_id)
        storage = Storage(deployment=deployment, data_key_arn=values.data_key_arn, models_key_arn=values.models_key_arn)
        data, models = storage.data(""), storage.models("")
        keys = [values.data_key_arn, values.models_key_arn]
        through_s3 = {"StringEquals": {"kms:ViaService": f"s3.{deployment.region}.amazonaws.com"}}
        written = [
            f"{data.bucket_arn}/*/datasets/*",
            f"{models.bucket_arn}/*/champion/*",
            f"{models.bucket_arn}/*/code/*",
        ]
        pipelines = deployment.arn("sagemaker", f"pipeline/{deployment.prefix}-*")
        looked_at = [
            deployment.arn("sagemaker", f"model-package-group/{deployment.prefix}-*"),
            deployment.arn("sagemaker", f"model-package/{deployment.prefix}-*"),
            pipelines,
            deployment.arn("sagemaker", "processing-job/pipelines-*"),
            deployment.arn("sagemaker", "training-job/pipelines-*"),
        ]
        log_groups = [
            deployment.arn("logs", f"log-group:/aws/sagemaker/{kind}Jobs:*") for kind in ("Processing", "Training")
        ]
        works = [
            Statement(sid="BringDataAndCode", actions=["s3:PutObject"], resources=written),
            Statement(
                sid="EncryptObjects",
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=keys,
                conditions=through_s3,
            ),
            Statement(
                sid="RunPipelines",
                actions=["sagemaker:StartPipelineExecution", "sagemaker:StopPipelineExecution"],
                resources=[pipelines],
            ),
            Statement(sid="AskPrices", actions=["pricing:GetProducts"], resources=["*"]),
        ]
        see_decisions = [
            Statement(
                sid="SeeDecisions",
                actions=["dynamodb:Query"],
                resources=[deployment.arn("dynamodb", f"table/{deployment.retraining_table}")],
            ),
            Statement(
                sid="OpenDecisions",
                actions=["kms:Decrypt"],
                resources=[values.operations_key_arn],
                conditions={"StringEquals": {"kms:ViaService": f"dynamodb.{deployment.region}.amazonaws.com"}},
            ),
        ]
        self.person = PersonRole(
            self,
            "Person",
            placement=deployment,
            person=Person.DATA_SCIENTIST,
            description=f"Data scientists in {deployment.environment}",
            statements=[
                Statement(sid="ListObjects", actions=["s3:ListBucket"], resources=[data.bucket_arn, models.bucket_arn]),
                Statement(
                    sid="ReadObjects", actions=["s3:GetObject"], resources=[data.objects_arn, models.objects_arn]
                ),
                Statement(sid="DecryptObjects", actions=["kms:Decrypt"], resources=keys, conditions=through_s3),
                Statement(sid="SeeRunsAndVersions", actions=_READS, resources=looked_at),
                Statement(
                    sid="ReadLogs",
                    actions=["logs:DescribeLogStreams", "logs:FilterLogEvents", "logs:GetLogEvents"],
                    resources=log_groups,
                ),
                Statement(
                    sid="FindKeys",
                    actions=["ssm:GetParameter", "ssm:GetParameters"],
                    resources=key_value_arns(deployment),
                ),
                *(works if deployment.is_dev else []),
                *(see_decisions if deployment.governs else []),
            ],
        )
        waive(
            self.person,
            OBJECT_NAMES.on(data.objects_arn, models.objects_arn, *(written if deployment.is_dev else [])),
            ONE_A_MODEL.on(*looked_at),
            LOG_STREAMS.on(*log_groups),
            *([WITHOUT_RESOURCES.on("*")] if deployment.is_dev else []),
        )
