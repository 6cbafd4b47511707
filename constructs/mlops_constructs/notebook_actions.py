"""What a notebook asks SageMaker for."""

SPACES = (
    "sagemaker:CreateApp",
    "sagemaker:CreateSpace",
    "sagemaker:DeleteApp",
    "sagemaker:DeleteSpace",
    "sagemaker:UpdateSpace",
)
LOOKS_AT_SPACES = ("sagemaker:DescribeApp", "sagemaker:DescribeSpace")
LOOKS_AT_DOMAINS = ("sagemaker:DescribeDomain", "sagemaker:DescribeUserProfile")
LISTS_SPACES = ("sagemaker:ListApps", "sagemaker:ListDomains", "sagemaker:ListSpaces", "sagemaker:ListUserProfiles")
RUNS = (
    "sagemaker:DescribePipelineExecution",
    "sagemaker:ListPipelineExecutionSteps",
    "sagemaker:ListPipelineExecutions",
    "sagemaker:StartPipelineExecution",
    "sagemaker:StopPipelineExecution",
)
# What the endpoint of SageMaker's API lets through.
NOTEBOOK_ACTIONS = tuple(sorted((*SPACES, *LOOKS_AT_SPACES, *LOOKS_AT_DOMAINS, *LISTS_SPACES, *RUNS)))
