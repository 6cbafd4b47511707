"""Two accounts, a bucket in each, and what S3 needs to replicate from one to the other."""

import itertools
import json
import time
from typing import Any

from plumbline.rehearsal.cloud import Cloud
from plumbline.rehearsal.session import Client
from tests.plumbline.rehearsal.asking import REGION, allow, document

THERE, HERE = "222222222222", "333333333333"
LIMIT_SECONDS = 20.0
_numbers = itertools.count()


class World:
    """A bucket of one account and one of another, each with a key of its own, and the role of replication.

    Args:
        cloud: The cloud.
    """

    def __init__(self, cloud: Cloud) -> None:
        self.number = next(_numbers)
        self.cloud = cloud
        self.source, self.target = f"leaving-{self.number}", f"arriving-{self.number}"
        self.here = cloud.administrator(HERE).client("s3")
        self.there = cloud.administrator(THERE).client("s3")
        self.role = f"arn:aws:iam::{HERE}:role/{self.source}"
        self.alias = f"arn:aws:kms:{REGION}:{THERE}:alias/{self.target}"
        self.key = _bucket(cloud, self.here, HERE, self.source, _own(HERE))
        self.their_key = _bucket(cloud, self.there, THERE, self.target, _own(THERE), self._encrypts())
        cloud.administrator(THERE).client("kms").create_alias(
            AliasName=f"alias/{self.target}", TargetKeyId=self.their_key
        )
        self.iam = cloud.administrator(HERE).client("iam")
        trust = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sts:AssumeRole"}
        self.iam.create_role(RoleName=self.source, AssumeRolePolicyDocument=document(trust))
        self.permit()
        self.let_in()

    def statements(self) -> dict[str, dict[str, Any]]:
        """What the role may, by what it is for."""
        source, target = f"arn:aws:s3:::{self.source}", f"arn:aws:s3:::{self.target}"
        through = {"StringEquals": {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}}
        by_alias = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": f"alias/{self.target}"}}
        return {
            "rule": allow(["s3:GetReplicationConfiguration", "s3:ListBucket"], source),
            "read": allow(["s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl"], f"{source}/out/*"),
            "write": allow(["s3:ReplicateObject", "s3:ObjectOwnerOverrideToBucketOwner"], f"{target}/out/*"),
            "decrypt": allow("kms:Decrypt", self.key, **through),
            "encrypt": allow(
                ["kms:Encrypt", "kms:GenerateDataKey"], f"arn:aws:kms:{REGION}:{THERE}:key/*", **through, **by_alias
            ),
        }

    def permit(self, *, but: str = "") -> None:
        """Gives the role its permissions, but for one."""
        kept = [statement for name, statement in self.statements().items() if name != but]
        self.iam.put_role_policy(RoleName=self.source, PolicyName="test", PolicyDocument=document(*kept))

    def let_in(self, *, role: str = "") -> None:
        """Has the other bucket let in a role, this world's if none is named."""
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{HERE}:root"},
            "Action": ["s3:ReplicateObject", "s3:ObjectOwnerOverrideToBucketOwner"],
            "Resource": f"arn:aws:s3:::{self.target}/out/*",
            "Condition": {"ArnLike": {"aws:PrincipalArn": role or self.role}},
        }
        self.there.put_bucket_policy(Bucket=self.target, Policy=document(statement))

    def rule(self, **members: Any) -> dict[str, Any]:
        """The rule, with members changed; None takes one away."""
        destination = {
            "Bucket": f"arn:aws:s3:::{self.target}",
            "Account": THERE,
            "AccessControlTranslation": {"Owner": "Destination"},
            "EncryptionConfiguration": {"ReplicaKmsKeyID": self.alias},
            "Metrics": {"Status": "Enabled"},
        }
        rule = {
            "ID": "out",
            "Status": "Enabled",
            "Priority": 0,
            "Filter": {"Prefix": "out/"},
            "DeleteMarkerReplication": {"Status": "Disabled"},
            "SourceSelectionCriteria": {"SseKmsEncryptedObjects": {"Status": "Enabled"}},
            "Destination": destination | members.pop("Destination", {}),
        }
        return {name: value for name, value in (rule | members).items() if value is not None}

    def configure(self, *rules: dict[str, Any]) -> None:
        self.here.put_bucket_replication(
            Bucket=self.source, ReplicationConfiguration={"Role": self.role, "Rules": list(rules) or [self.rule()]}
        )

    def settled(self, key: str, **version: str) -> str:
        """The status of an object here, once it is no longer pending."""
        deadline = time.monotonic() + LIMIT_SECONDS
        while (status := self.status(key, **version)) == "PENDING":
            assert time.monotonic() < deadline, f"{key} is still pending"
            time.sleep(0.05)
        return status

    def status(self, key: str, **version: str) -> str:
        return str(self.here.head_object(Bucket=self.source, Key=key, **version).get("ReplicationStatus", ""))

    def arrived(self) -> list[str]:
        """The keys there, of every version."""
        found = self.there.list_object_versions(Bucket=self.target)
        return [one["Key"] for one in [*found.get("Versions", []), *found.get("DeleteMarkers", [])]]

    def _encrypts(self) -> dict[str, Any]:
        return {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{HERE}:root"},
            "Action": ["kms:Encrypt", "kms:GenerateDataKey"],
            "Resource": "*",
            "Condition": {"ArnLike": {"aws:PrincipalArn": self.role}},
        }


def _own(account: str) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }


def _bucket(cloud: Cloud, s3: Client, account: str, name: str, *statements: dict[str, Any]) -> str:
    """Makes a bucket that keeps versions and encrypts with a key of its own; returns the key's ARN."""
    policy = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    key = cloud.administrator(account).client("kms").create_key(Policy=policy)["KeyMetadata"]["Arn"]
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    s3.put_bucket_encryption(
        Bucket=name,
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}]
        },
    )
    return str(key)
