"""Functions and tables."""

from collections.abc import Mapping

from plumbline.rehearsal.provisioning.notation import Handler, calls, passes, tagged, uses_key

_IN_VPC = {"lambda:SubnetIds": "@VpcConfig.SubnetIds.*", "lambda:SecurityGroupIds": "@VpcConfig.SecurityGroupIds.*"}
_FUNCTION_KEY = uses_key(
    "KmsKeyArn", "kms:CreateGrant", "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", through="lambda"
)
_CODE = calls("s3:GetObject", on="s3:::{Code.S3Bucket}/{Code.S3Key}", of="Code", each="Code.S3Key")
_NETWORK = calls("ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs", on="*", of="VpcConfig")
_TABLE = (
    *calls("dynamodb:DescribeTable"),
    *calls(
        "dynamodb:UpdateContinuousBackups",
        "dynamodb:DescribeContinuousBackups",
        of="PointInTimeRecoverySpecification",
    ),
    *calls("dynamodb:UpdateTimeToLive", "dynamodb:DescribeTimeToLive", of="TimeToLiveSpecification"),
    *calls("dynamodb:PutResourcePolicy", of="ResourcePolicy"),
    *tagged("dynamodb:TagResource", of="Tags"),
    *uses_key(
        "SSESpecification.KMSMasterKeyId",
        "kms:DescribeKey",
        "kms:CreateGrant",
        "kms:Encrypt",
        "kms:Decrypt",
        through="dynamodb",
    ),
)

HANDLERS: Mapping[str, Handler] = {
    "AWS::Lambda::Function": Handler(
        on="lambda:{here}:function:{name}",
        name="FunctionName",
        create=(
            *tagged("lambda:CreateFunction", keys=_IN_VPC),
            *tagged("lambda:TagResource", of="Tags"),
            *calls("lambda:GetFunction"),
            *passes("Role", to="lambda.amazonaws.com"),
            *_CODE,
            *_NETWORK,
            *_FUNCTION_KEY,
            *calls("lambda:PutFunctionConcurrency", of="ReservedConcurrentExecutions"),
        ),
        update=(
            *calls("lambda:GetFunction"),
            *calls("lambda:UpdateFunctionCode", of="Code"),
            *_CODE,
            *(
                call
                for name in ("Role", "Handler", "Runtime", "Timeout", "MemorySize", "Environment", "KmsKeyArn")
                for call in calls("lambda:UpdateFunctionConfiguration", of=name, keys=_IN_VPC)
            ),
            *(
                call
                for name in ("Description", "VpcConfig", "DeadLetterConfig", "TracingConfig", "LoggingConfig", "Layers")
                for call in calls("lambda:UpdateFunctionConfiguration", of=name, keys=_IN_VPC)
            ),
            *passes("Role", to="lambda.amazonaws.com"),
            *_NETWORK,
            *_FUNCTION_KEY,
            *calls("lambda:PutFunctionConcurrency", of="ReservedConcurrentExecutions"),
            *tagged("lambda:TagResource", of="Tags"),
        ),
        delete=(
            *calls("lambda:GetFunction", "lambda:DeleteFunction"),
            *calls("ec2:DescribeNetworkInterfaces", on="*", of="VpcConfig"),
        ),
        replacing=frozenset({"FunctionName", "PackageType", "TenancyConfig"}),
    ),
    "AWS::Lambda::Permission": Handler(
        on="function:{FunctionName}",
        create=calls("lambda:AddPermission", keys={"lambda:Principal": "{Principal}"}),
        delete=calls("lambda:RemovePermission", keys={"lambda:Principal": "{Principal}"}),
        replacing=frozenset(
            {"FunctionName", "Action", "Principal", "SourceAccount", "SourceArn", "PrincipalOrgID", "EventSourceToken"}
            | {"FunctionUrlAuthType", "InvokedViaFunctionUrl"}
        ),
    ),
    "AWS::Lambda::Version": Handler(
        on="function:{FunctionName}",
        create=(
            *calls("lambda:PublishVersion", "lambda:GetFunctionConfiguration", "lambda:ListVersionsByFunction"),
            *calls("lambda:PutProvisionedConcurrencyConfig", of="ProvisionedConcurrencyConfig"),
        ),
        delete=calls("lambda:GetFunctionConfiguration", "lambda:DeleteFunction"),
        replacing=frozenset(
            {"FunctionName", "Description", "CodeSha256", "ProvisionedConcurrencyConfig", "RuntimePolicy"}
        ),
    ),
    "AWS::Lambda::EventInvokeConfig": Handler(
        on="function:{FunctionName}",
        create=calls("lambda:PutFunctionEventInvokeConfig"),
        update=calls("lambda:UpdateFunctionEventInvokeConfig"),
        delete=calls("lambda:DeleteFunctionEventInvokeConfig"),
        replacing=frozenset({"FunctionName", "Qualifier"}),
    ),
    "AWS::DynamoDB::Table": Handler(
        on="dynamodb:{here}:table/{name}",
        name="TableName",
        create=(*tagged("dynamodb:CreateTable"), *_TABLE),
        update=(*calls("dynamodb:UpdateTable"), *_TABLE),
        delete=calls("dynamodb:DescribeTable", "dynamodb:DeleteTable"),
        replacing=frozenset({"TableName", "ImportSourceSpecification"}),
        system_tags=False,
    ),
}
