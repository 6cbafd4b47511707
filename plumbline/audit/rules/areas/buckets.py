"""S3 buckets."""

from collections.abc import Iterator

from plumbline.audit.findings import Severity
from plumbline.audit.rules.controls import (
    AUDIT_TRAIL,
    ENCRYPTION_AT_REST,
    ENCRYPTION_IN_TRANSIT,
    HARDENING,
    LIMITS,
    OUTSIDERS,
    RECOVERY,
    answers,
)
from plumbline.audit.rules.expectations import (
    must_be_a_key,
    must_be_given,
    must_be_one_of,
    must_be_true,
    must_hold,
    wrong,
)
from plumbline.audit.rules.policies import Statement, covers, resource_statements
from plumbline.audit.rules.policy_rules import (
    allows_named_actions,
    denies_everybody,
    denies_plain_http,
    is_closed_to_the_public,
    names_foreigners,
    names_sources,
)
from plumbline.audit.rules.rule import Violation, rule
from plumbline.audit.rules.template import Resource, remembered

BUCKET = "AWS::S3::Bucket"
_POLICIES = ("AWS::S3::BucketPolicy", "AWS::S3::AccessPoint")
_BLOCKS = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
_ENCRYPTION = "BucketEncryption.ServerSideEncryptionConfiguration"
_STRANGERS = ("aws:principalaccount", "aws:principalorgid", "aws:principalorgpaths")


@remembered
def _policy(bucket: Resource) -> tuple[Statement, ...]:
    """The statements of a bucket's policy, also where another template of the account has it."""
    return tuple(
        statement
        for policy in bucket.template.all.of_account(bucket.template, "AWS::S3::BucketPolicy")
        if policy.at("Bucket").text == bucket.reference
        for statement in resource_statements(policy)
    )


@remembered
def _takes_access_logs(bucket: Resource) -> bool:
    """Whether other buckets' access logs go here: those are encrypted by S3 alone, and log no access to themselves."""
    sources = bucket.template.all.of_account(bucket.template, BUCKET)
    if any(other.at("LoggingConfiguration.DestinationBucketName").text == bucket.reference for other in sources):
        return True
    return any(s.allows and "logging.s3.amazonaws.com" in s.principals.get("Service", ()) for s in _policy(bucket))


@rule(
    id="PL-S3-01",
    title="Buckets refuse what comes without TLS",
    sense="Without TLS the objects, and the signature that fetches them, can be read on the way.",
    remedy="Deny s3:* to everybody where aws:SecureTransport is false.",
    severity=Severity.HIGH,
    controls=answers(ENCRYPTION_IN_TRANSIT, security_hub=("S3.5",)),
    types=(BUCKET,),
)
def buckets_demand_tls(bucket: Resource) -> Iterator[Violation]:
    """S3 user guide, "Security best practices for Amazon S3"."""
    whole = tuple(s for s in _policy(bucket) if s.names_action("s3:getobject") and s.names_action("s3:putobject"))
    own = (bucket.arn, f"{bucket.arn}/object")
    objects = tuple(s for s in whole if all(any(covers(one, name) for one in s.resources) for name in own))
    if not denies_plain_http(objects):
        message = (
            "No bucket policy denies what comes without TLS; accepted: a Deny of s3:* on aws:SecureTransport false."
        )
        yield Violation(path="", message=message)


@rule(
    id="PL-S3-02",
    title="Buckets are closed to the public",
    sense="One wrong policy or ACL, and everybody reads the bucket.",
    remedy="Set all four of PublicAccessBlockConfiguration to true.",
    severity=Severity.HIGH,
    controls=answers(OUTSIDERS, security_hub=("S3.8",)),
    types=(BUCKET,),
)
def buckets_block_the_public(bucket: Resource) -> Iterator[Violation]:
    for name in _BLOCKS:
        yield from must_be_true(bucket.at(f"PublicAccessBlockConfiguration.{name}"), subject=name)


@rule(
    id="PL-S3-03",
    title="Buckets are encrypted with a customer managed key",
    sense="With a key of one's own reading takes two permissions, leaves a trace for each object, and can be "
    "withdrawn.",
    remedy="Encrypt by aws:kms with KMSMasterKeyID; buckets that take access logs by AES256, which is all that "
    "they take.",
    severity=Severity.HIGH,
    controls=answers(ENCRYPTION_AT_REST, security_hub=("S3.17",)),
    types=(BUCKET,),
)
def buckets_are_encrypted(bucket: Resource) -> Iterator[Violation]:
    """S3 user guide, "Enabling Amazon S3 server access logging": the target takes SSE-S3 only."""
    rules = bucket.at(_ENCRYPTION)
    if not rules.is_there:
        yield wrong(rules, None, "aws:kms with a customer managed key")
    for found in rules.items:
        default = found.at("ServerSideEncryptionByDefault")
        if _takes_access_logs(bucket) and default.at("SSEAlgorithm").text == "AES256":
            continue
        yield from must_be_one_of(default.at("SSEAlgorithm"), "aws:kms", "aws:kms:dsse")
        yield from must_be_a_key(default.at("KMSMasterKeyID"))


@rule(
    id="PL-S3-04",
    title="Buckets have a bucket key",
    sense="Without one every object costs a call to KMS, and a training job over many objects is throttled.",
    remedy="Set BucketKeyEnabled to true.",
    severity=Severity.LOW,
    controls=answers(LIMITS),
    types=(BUCKET,),
    applies=lambda bucket: any(
        rule.at("ServerSideEncryptionByDefault.SSEAlgorithm").text == "aws:kms" for rule in bucket.at(_ENCRYPTION).items
    ),
)
def buckets_have_a_bucket_key(bucket: Resource) -> Iterator[Violation]:
    """S3 user guide, "Reducing the cost of SSE-KMS with Amazon S3 Bucket Keys"."""
    for found in bucket.at(_ENCRYPTION).items:
        yield from must_be_true(found.at("BucketKeyEnabled"))


@rule(
    id="PL-S3-05",
    title="Buckets keep versions",
    sense="Without versions an overwritten dataset or model is gone, and no run can be repeated.",
    remedy="Set VersioningConfiguration.Status to Enabled.",
    severity=Severity.MEDIUM,
    controls=answers(RECOVERY, security_hub=("S3.14",)),
    types=(BUCKET,),
)
def buckets_keep_versions(bucket: Resource) -> Iterator[Violation]:
    yield from must_be_one_of(bucket.at("VersioningConfiguration.Status"), "Enabled")


@rule(
    id="PL-S3-06",
    title="Access to buckets is logged",
    sense="Without access logs nobody can tell who read what before an incident was noticed.",
    remedy="Name a bucket for logs in LoggingConfiguration; the bucket for logs itself has none.",
    severity=Severity.MEDIUM,
    controls=answers(AUDIT_TRAIL, security_hub=("S3.9",)),
    types=(BUCKET,),
    applies=lambda bucket: not _takes_access_logs(bucket),
)
def access_is_logged(bucket: Resource) -> Iterator[Violation]:
    yield from must_be_given(bucket.at("LoggingConfiguration.DestinationBucketName"), "a bucket for access logs")


@rule(
    id="PL-S3-07",
    title="Access lists are switched off",
    sense="With ACLs an object belongs to whoever wrote it, and lets in whom it likes.",
    remedy="Set ObjectOwnership to BucketOwnerEnforced.",
    severity=Severity.MEDIUM,
    controls=answers(OUTSIDERS, HARDENING, security_hub=("S3.12",)),
    types=(BUCKET,),
)
def access_lists_are_off(bucket: Resource) -> Iterator[Violation]:
    yield from must_hold(bucket.at("OwnershipControls.Rules"), 1, "rule, with ObjectOwnership BucketOwnerEnforced")
    for found in bucket.at("OwnershipControls.Rules").items:
        yield from must_be_one_of(found.at("ObjectOwnership"), "BucketOwnerEnforced")


@rule(
    id="PL-S3-08",
    title="Buckets refuse strangers, whatever is allowed",
    sense="One allowing statement too many, and another organisation reads the bucket.",
    remedy="Deny object actions to everybody whose aws:PrincipalAccount or aws:PrincipalOrgID is another; AWS "
    "services exempt.",
    severity=Severity.MEDIUM,
    controls=answers(OUTSIDERS),
    types=(BUCKET,),
)
def buckets_refuse_strangers(bucket: Resource) -> Iterator[Violation]:
    """AWS whitepaper, "Building a Data Perimeter on AWS", the identity perimeter on resources."""
    for statement in _policy(bucket):
        by_others = denies_everybody(statement, on=_STRANGERS, operators=("stringnot",))
        if by_others and statement.names_action("s3:getobject"):
            return
    message = "No bucket policy denies principals of other accounts; accepted: a Deny on aws:PrincipalAccount."
    yield Violation(path="", message=message)


bucket_policies_are_closed = is_closed_to_the_public(
    id_="PL-S3-09", what="Bucket policies", types=_POLICIES, security_hub=("S3.2", "S3.3")
)
bucket_policies_name_foreigners = names_foreigners(
    id_="PL-S3-10", what="Bucket policies", types=_POLICIES, security_hub=("S3.6",)
)
bucket_policies_name_sources = names_sources(id_="PL-S3-11", what="Bucket policies", types=_POLICIES)
bucket_policies_name_actions = allows_named_actions(id_="PL-S3-12", what="buckets", types=_POLICIES)


@rule(
    id="PL-S3-13",
    title="Uploads that were not finished are cleared away",
    sense="Parts of an upload that failed are billed, and seen in no list.",
    remedy="Add a lifecycle rule with AbortIncompleteMultipartUpload.",
    severity=Severity.LOW,
    controls=answers(LIMITS, security_hub=("S3.13",)),
    types=(BUCKET,),
)
def unfinished_uploads_are_cleared(bucket: Resource) -> Iterator[Violation]:
    rules = bucket.at("LifecycleConfiguration.Rules")
    if not any(
        rule.at("AbortIncompleteMultipartUpload").is_there and rule.at("Status").text == "Enabled"
        for rule in rules.items
    ):
        message = f"{rules.name} clears no unfinished upload; accepted: AbortIncompleteMultipartUpload."
        yield Violation(path=rules.path, message=message)


@rule(
    id="PL-S3-14",
    title="Buckets refuse objects under another key",
    sense="A writer who names a key of his own makes objects that nobody here can read, or withdraw.",
    remedy="Deny s3:PutObject where s3:x-amz-server-side-encryption-aws-kms-key-id is another than the bucket's key.",
    severity=Severity.LOW,
    controls=answers(ENCRYPTION_AT_REST),
    types=(BUCKET,),
    applies=lambda bucket: any(
        rule.at("ServerSideEncryptionByDefault.KMSMasterKeyID").is_there for rule in bucket.at(_ENCRYPTION).items
    ),
)
def buckets_refuse_other_keys(bucket: Resource) -> Iterator[Violation]:
    """S3 user guide, "Using server-side encryption with AWS KMS keys (SSE-KMS)", requiring a particular key."""
    key = "s3:x-amz-server-side-encryption-aws-kms-key-id"
    for statement in _policy(bucket):
        by_other = denies_everybody(statement, on=(key,), operators=("stringnot", "arnnot"))
        if by_other and statement.names_action("s3:putobject"):
            return
    message = f"No bucket policy denies objects under another key; accepted: a Deny of s3:PutObject on {key}."
    yield Violation(path="", message=message)


@rule(
    id="PL-S3-15",
    title="Replication takes a prefix, to an owner that is named, under a key that is named",
    sense="A rule without a prefix carries a whole bucket away; what it copies to another account stays the sender's, "
    "and what it does not choose by key is not copied at all, or under a key that nobody here holds.",
    remedy="Name a prefix, switch delete markers off, name Account with AccessControlTranslation Destination for a "
    "bucket of another account, and SseKmsEncryptedObjects with a customer managed ReplicaKmsKeyID.",
    severity=Severity.HIGH,
    controls=answers(OUTSIDERS, ENCRYPTION_AT_REST),
    types=(BUCKET,),
    applies=lambda bucket: bucket.at("ReplicationConfiguration").is_there,
)
def replication_is_narrow(bucket: Resource) -> Iterator[Violation]:
    """S3 user guide, "Changing the replica owner" and "Replicating encrypted objects"."""
    own = {other.at("BucketName").text for other in bucket.template.all.of_account(bucket.template, BUCKET)}
    for found in bucket.at("ReplicationConfiguration.Rules").items:
        prefix = found.at("Filter.And.Prefix" if found.at("Filter.And").is_there else "Filter.Prefix")
        yield from must_be_given(prefix, "the prefix of what is replicated")
        yield from must_be_one_of(found.at("DeleteMarkerReplication.Status"), "Disabled")
        yield from must_be_one_of(found.at("SourceSelectionCriteria.SseKmsEncryptedObjects.Status"), "Enabled")
        destination = found.at("Destination")
        yield from must_be_a_key(destination.at("EncryptionConfiguration.ReplicaKmsKeyID"))
        if destination.at("Bucket").text.rpartition(":")[2] not in own:
            yield from must_be_given(destination.at("Account"), "the account of a bucket that is not of this one")
            yield from must_be_one_of(destination.at("AccessControlTranslation.Owner"), "Destination")
