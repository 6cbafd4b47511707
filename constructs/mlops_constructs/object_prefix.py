"""A part of a bucket and the key of what lies there."""

from dataclasses import dataclass, replace

from plumbline.configuration import Deployment, KeyPurpose


@dataclass(frozen=True, kw_only=True)
class ObjectPrefix:
    """Objects below a prefix, all encrypted with one key.

    Attributes:
        bucket: Name of the bucket.
        prefix: Beginning of the object keys, ending with `/`.
        key_arn: ARN of the KMS key of the objects; for a key of another account, whose id is not known, the pattern of
            that account's keys.
        partition: AWS partition of the bucket.
        key_alias: Alias that picks the key out of the pattern; left out, `key_arn` names one key.
        listed: Whether objects are found by listing (the channels of a job) or named (the artifact of a model).
    """

    bucket: str
    prefix: str
    key_arn: str
    partition: str
    key_alias: str | None = None
    listed: bool = True

    @property
    def bucket_arn(self) -> str:
        """ARN of the bucket."""
        return f"arn:{self.partition}:s3:::{self.bucket}"

    @property
    def objects_arn(self) -> str:
        """Pattern of the ARNs of the objects."""
        return f"{self.bucket_arn}/{self.prefix}*"


def foreign_artifacts(deployment: Deployment, prefix: str) -> ObjectPrefix:
    """Model artifacts in the models bucket of another environment, which may be of another account."""
    return ObjectPrefix(
        bucket=deployment.models_bucket,
        prefix=prefix,
        # An alias is no valid resource of an identity policy, and the id of the key is known to the other side only.
        key_arn=deployment.arn("kms", "key/*"),
        partition=deployment.partition,
        key_alias=deployment.key_alias(KeyPurpose.MODELS),
        listed=False,
    )


@dataclass(frozen=True, kw_only=True)
class Storage:
    """The buckets of an environment with their keys, from which prefixes are cut.

    Attributes:
        deployment: The environment.
        data_key_arn: Key of the data and capture buckets.
        models_key_arn: Key of the models bucket.
    """

    deployment: Deployment
    data_key_arn: str
    models_key_arn: str

    def data(self, prefix: str) -> ObjectPrefix:
        """A prefix of the data bucket."""
        return self._prefix(self.deployment.data_bucket, prefix, self.data_key_arn)

    def models(self, prefix: str) -> ObjectPrefix:
        """A prefix of the models bucket."""
        return self._prefix(self.deployment.models_bucket, prefix, self.models_key_arn)

    def artifacts(self, prefix: str) -> ObjectPrefix:
        """Model artifacts in the models bucket."""
        return replace(self.models(prefix), listed=False)

    def capture(self, prefix: str) -> ObjectPrefix:
        """A prefix of the capture bucket."""
        return self._prefix(self.deployment.capture_bucket, prefix, self.data_key_arn)

    def _prefix(self, bucket: str, prefix: str, key_arn: str) -> ObjectPrefix:
        return ObjectPrefix(bucket=bucket, prefix=prefix, key_arn=key_arn, partition=self.deployment.partition)
