"""Buckets, keys, images."""

from collections.abc import Mapping

from plumbline.rehearsal.provisioning.notation import Handler, calls, passes, tagged, uses_key

# Setting a property and taking it away is the same action for all of these.
_BUCKET = (
    *calls("s3:PutBucketTagging", of="Tags"),
    *calls("s3:PutEncryptionConfiguration", of="BucketEncryption"),
    *calls("s3:PutLifecycleConfiguration", of="LifecycleConfiguration"),
    *calls("s3:PutBucketLogging", of="LoggingConfiguration"),
    *calls("s3:PutBucketOwnershipControls", of="OwnershipControls"),
    *calls("s3:PutBucketPublicAccessBlock", of="PublicAccessBlockConfiguration"),
    *calls("s3:PutBucketVersioning", of="VersioningConfiguration"),
    *calls("s3:PutBucketNotification", of="NotificationConfiguration"),
    *calls("s3:PutReplicationConfiguration", of="ReplicationConfiguration"),
    *passes("ReplicationConfiguration.Role", to="s3.amazonaws.com"),
    *calls("s3:PutBucketObjectLockConfiguration", of="ObjectLockConfiguration"),
)
# "CreateBucket", Permissions: enabling the lock on creation takes the lock's and the versioning's actions as well.
_LOCKED = calls("s3:PutBucketObjectLockConfiguration", "s3:PutBucketVersioning", of="ObjectLockEnabled")
_REPOSITORY_KEY = uses_key(
    "EncryptionConfiguration.KmsKey", "kms:DescribeKey", "kms:CreateGrant", "kms:RetireGrant", through="ecr"
)

HANDLERS: Mapping[str, Handler] = {
    "AWS::S3::Bucket": Handler(
        on="s3:::{name}",
        name="BucketName",
        create=(*calls("s3:CreateBucket"), *_LOCKED, *_BUCKET),
        update=_BUCKET,
        delete=calls("s3:DeleteBucket"),
        replacing=frozenset({"BucketName"}),
    ),
    "AWS::S3::BucketPolicy": Handler(
        on="s3:::{Bucket}",
        create=calls("s3:GetBucketPolicy", "s3:PutBucketPolicy"),
        update=calls("s3:GetBucketPolicy", "s3:PutBucketPolicy"),
        delete=calls("s3:GetBucketPolicy", "s3:DeleteBucketPolicy"),
        replacing=frozenset({"Bucket"}),
    ),
    "AWS::KMS::Key": Handler(
        on="kms:{here}:key/{id}",
        create=(
            *tagged("kms:CreateKey", on="*"),
            *tagged("kms:TagResource", of="Tags"),
            *calls("kms:EnableKeyRotation", of="EnableKeyRotation"),
        ),
        update=(
            *calls("kms:DescribeKey"),
            *calls("kms:PutKeyPolicy", of="KeyPolicy"),
            *calls("kms:EnableKeyRotation", of="EnableKeyRotation"),
            *calls("kms:UpdateKeyDescription", of="Description"),
            *tagged("kms:TagResource", of="Tags"),
        ),
        delete=(
            *calls("kms:DescribeKey"),
            *calls(
                "kms:ScheduleKeyDeletion",
                keys={"kms:ScheduleKeyDeletionPendingWindowInDays": "{PendingWindowInDays}"},
            ),
        ),
        replacing=frozenset({"KeySpec", "KeyUsage", "MultiRegion", "Origin"}),
        system_tags=False,
    ),
    # an alias's actions are decided on the alias and on the key
    "AWS::KMS::Alias": Handler(
        on="kms:{here}:{AliasName}",
        name="AliasName",
        create=(*calls("kms:CreateAlias"), *calls("kms:CreateAlias", on="key:{TargetKeyId}")),
        update=(*calls("kms:UpdateAlias"), *calls("kms:UpdateAlias", on="key:{TargetKeyId}")),
        delete=(*calls("kms:DeleteAlias"), *calls("kms:DeleteAlias", on="key:{TargetKeyId}")),
        replacing=frozenset({"AliasName"}),
    ),
    "AWS::ECR::Repository": Handler(
        on="ecr:{here}:repository/{name}",
        name="RepositoryName",
        create=(
            *tagged("ecr:CreateRepository"),
            *tagged("ecr:TagResource", of="Tags"),
            *calls("ecr:PutLifecyclePolicy", of="LifecyclePolicy"),
            *calls("ecr:SetRepositoryPolicy", of="RepositoryPolicyText"),
            *_REPOSITORY_KEY,
        ),
        update=(
            *calls("ecr:DescribeRepositories"),
            *tagged("ecr:TagResource", of="Tags"),
            *calls("ecr:PutLifecyclePolicy", of="LifecyclePolicy"),
            *calls("ecr:SetRepositoryPolicy", of="RepositoryPolicyText"),
            *calls("ecr:PutImageScanningConfiguration", of="ImageScanningConfiguration"),
            *calls("ecr:PutImageTagMutability", of="ImageTagMutability"),
        ),
        delete=(
            *calls("ecr:DeleteRepository"),
            *uses_key("EncryptionConfiguration.KmsKey", "kms:RetireGrant", through="ecr"),
        ),
        replacing=frozenset({"RepositoryName", "EncryptionConfiguration"}),
    ),
}
