"""``AWS::CloudTrail::Trail``: one that logs, once the bucket, the key and the log group let CloudTrail write.

Sources: CloudFormation template reference, "AWS::CloudTrail::Trail": ``Ref`` gives the name; CloudTrail user guide,
"Amazon S3 bucket policy for CloudTrail", "Configure AWS KMS key policies for CloudTrail" and "Role policy document for
CloudTrail to use CloudWatch Logs for monitoring".
"""

from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudtrail, s3
from ministack.services.cloudformation import provisioners

from plumbline.rehearsal.enforcement import AccessDenied, Caller, assume_service_role, authorize
from plumbline.rehearsal.enforcement.object_keys import arn_of_key
from plumbline.rehearsal.enforcement.service_principals import allows
from plumbline.rehearsal.provisioning.notation import Properties
from plumbline.rehearsal.provisioning.types.service import Created, ServiceRefusedError, add, ask

_TYPE = "AWS::CloudTrail::Trail"
_SERVICE = "cloudtrail.amazonaws.com"
_MEMBERS = (
    "CloudWatchLogsLogGroupArn",
    "CloudWatchLogsRoleArn",
    "EnableLogFileValidation",
    "IncludeGlobalServiceEvents",
    "IsMultiRegionTrail",
    "IsOrganizationTrail",
    "S3BucketName",
    "S3KeyPrefix",
    "SnsTopicName",
)


def register() -> None:
    """Adds the type to the emulator of this process."""
    add(_TYPE, create=_create, update=_update, delete=_delete, name="TrailName", length=128)
    provisioners._STACK_TAG_PROPERTY[_TYPE] = ("Tags", "list")


def _create(name: str, properties: Properties) -> Created:
    request = _request(name, properties)
    _may_write(name, properties)
    ask(cloudtrail._create_trail, request)
    try:
        return _configure(name, properties, request)
    except ServiceRefusedError:
        _delete(name, properties)
        raise


def _update(physical_id: str, old: Properties, new: Properties) -> Created:  # noqa: ARG001 - the handler's signature
    _may_write(physical_id, new)
    return _configure(physical_id, new, _request(physical_id, new))


def _delete(physical_id: str, properties: Properties) -> None:  # noqa: ARG001
    cloudtrail._delete_trail({"Name": physical_id})


def _request(name: str, properties: Properties) -> dict[str, object]:
    members = {member: properties.get(member) for member in _MEMBERS}
    return members | {"Name": name, "KmsKeyId": properties.get("KMSKeyId")}


def _configure(name: str, properties: Properties, request: dict[str, object]) -> Created:
    # What CreateTrail does not keep, UpdateTrail does.
    ask(cloudtrail._update_trail, request)
    for member in ("EventSelectors", "AdvancedEventSelectors"):
        if properties.get(member):
            ask(cloudtrail._put_event_selectors, {"TrailName": name, member: properties[member]})
    logs = str(properties.get("IsLogging", "")).lower() == "true"
    ask(cloudtrail._start_logging if logs else cloudtrail._stop_logging, {"Name": name})
    tags = properties.get("Tags")
    if tags:
        ask(cloudtrail._add_tags, {"ResourceId": _arn(name), "TagsList": tags})
    return name, {"Arn": _arn(name), "SnsTopicArn": str(properties.get("SnsTopicName", ""))}


def _arn(name: str) -> str:
    return f"arn:aws:cloudtrail:{get_region()}:{get_account_id()}:trail/{name}"


def _may_write(name: str, properties: Properties) -> None:
    """Tries what CloudTrail writes to, as it does itself when a trail is made or changed.

    Raises:
        ServiceRefusedError: One of them does not let it; the words are CloudTrail's.
    """
    account, bucket = str(get_account_id()), str(properties.get("S3BucketName", ""))
    if s3._bucket_owner_account(bucket) is None:
        raise ServiceRefusedError(f"S3 bucket {bucket} does not exist! (Error Code: S3BucketDoesNotExistException)")
    prefix = f"{properties['S3KeyPrefix']}/" if properties.get("S3KeyPrefix") else ""
    files = f"arn:aws:s3:::{bucket}/{prefix}AWSLogs/{account}/CloudTrail/{get_region()}/"
    source = {"aws:sourcearn": _arn(name), "aws:sourceaccount": account}
    owned = source | {"s3:x-amz-acl": "bucket-owner-full-control"}
    if not (
        allows(_SERVICE, "s3:GetBucketAcl", f"arn:aws:s3:::{bucket}", source)
        and allows(_SERVICE, "s3:PutObject", files, owned)
    ):
        raise ServiceRefusedError(
            f"Incorrect S3 bucket policy is detected for bucket: {bucket} "
            "(Error Code: InsufficientS3BucketPolicyException)"
        )
    if properties.get("KMSKeyId"):
        key = arn_of_key(str(properties["KMSKeyId"]))
        encrypted: dict[str, str | list[str]] = {
            **source,
            "kms:encryptioncontext:aws:cloudtrail:arn": _arn(name),
            "kms:encryptioncontextkeys": ["aws:cloudtrail:arn"],
        }
        if not allows(_SERVICE, "kms:GenerateDataKey", key, encrypted):
            raise ServiceRefusedError(
                f"Insufficient permissions to access S3 bucket {bucket} or KMS key {key}. "
                "(Error Code: InsufficientEncryptionPolicyException)"
            )
    if properties.get("CloudWatchLogsRoleArn"):
        _may_copy(name, str(properties["CloudWatchLogsLogGroupArn"]), str(properties["CloudWatchLogsRoleArn"]))


def _may_copy(name: str, group: str, role: str) -> None:
    account, region = str(get_account_id()), str(get_region())
    stream = f"{group.removesuffix(':*')}:log-stream:{account}_CloudTrail_{region}"
    try:
        credentials = assume_service_role(
            role_arn=role,
            service=_SERVICE,
            source_account=account,
            # "doesn't support the use of aws:SourceArn and aws:SourceAccount"
            source_arn=None,
            session_name="CLOUDTRAIL",
        )
        caller = Caller(access_key=credentials.access_key, account=account, region=region)
        for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
            authorize(principal=caller, action=action, resource=stream)
    except AccessDenied as error:
        raise ServiceRefusedError(
            f"Access denied. Verify in IAM that the role has adequate permissions: {error} "
            f"(Error Code: InvalidCloudWatchLogsRoleArnException) ({name})"
        ) from error
