"""Names that the stacks will want: free, theirs already, or taken."""

from collections.abc import Iterator

import botocore.exceptions

from plumbline.accounts import needs
from plumbline.accounts.findings import Check, Finding, missing, ok
from plumbline.accounts.looking import Look
from plumbline.accounts.needs import Wanted
from plumbline.accounts.refusals import code_of

_IMPORT = "deploy with --import-existing-resources, which takes it into the stack"
_NO_BUCKET = ("404", "NoSuchBucket", "NotFound")


def buckets(look: Look) -> Iterator[Finding]:
    """Whether the buckets can be made. A bucket's name is the whole world's (S3 user guide, "Bucket naming rules")."""
    wanted = _unmade(look, needs.buckets(look.platform, look.account))
    taken = [one for one in wanted if _exists(look, one.name)]
    own = _own_buckets(look) if taken else frozenset()
    for one in taken:
        if one.name in own:
            yield missing("buckets", f"{one.name} is left from before", way_out=f"{_IMPORT}, or empty and delete it")
        else:
            yield missing("buckets", f"{one.name} is a stranger's", way_out="change name in platform.toml")
    if not taken:
        yield ok("buckets", _said(wanted, "names are free"))


def key_aliases(look: Look) -> Iterator[Finding]:
    """Whether the aliases of the keys can be made."""
    wanted = _unmade(look, needs.key_aliases(look.platform, look.account))
    client = look.client("kms")
    there = look.ask(
        "kms:ListAliases",
        lambda: {
            alias["AliasName"] for page in client.get_paginator("list_aliases").paginate() for alias in page["Aliases"]
        },
    )
    taken = [one for one in wanted if one.name in there]
    for one in taken:
        way_out = f"aws kms delete-alias --region {look.platform.region} --alias-name {one.name} (its key stays)"
        yield missing("key aliases", f"{one.name} is left from before", way_out=way_out)
    if not taken:
        yield ok("key aliases", _said(wanted, "names are free"))


def log_groups(look: Look) -> Iterator[Finding]:
    """Whether SageMaker has made the log groups of jobs already."""
    wanted = _unmade(look, needs.log_groups(look.platform, look.account))
    client = look.client("logs")
    there = look.ask(
        "logs:DescribeLogGroups",
        lambda: {
            group["logGroupName"]
            for page in client.get_paginator("describe_log_groups").paginate(logGroupNamePrefix="/aws/sagemaker/")
            for group in page["logGroups"]
        },
    )
    taken = [one for one in wanted if one.name in there]
    for one in taken:
        yield missing("log groups", f"{one.name} exists: SageMaker has run here before", way_out=_IMPORT)
    if not taken:
        yield ok("log groups", _said(wanted, "names are free"))


def _unmade(look: Look, wanted: tuple[Wanted, ...]) -> tuple[Wanted, ...]:
    """What no stack of the platform holds yet."""
    held = {stack for stack in sorted({one.stack for one in wanted}) if look.holds(stack)}
    return tuple(one for one in wanted if one.stack not in held)


def _said(wanted: tuple[Wanted, ...], words: str) -> str:
    return f"{len(wanted)} {words}" if wanted else "the platform's stacks have them"


def _exists(look: Look, bucket: str) -> bool:
    """Whether there is such a bucket, anywhere: S3 says 403 of a stranger's, 301 of another region's (HeadBucket)."""
    client = look.client("s3")

    def exists() -> bool:
        try:
            client.head_bucket(Bucket=bucket)
        except botocore.exceptions.ClientError as error:
            if code_of(error) in _NO_BUCKET:
                return False
            if code_of(error) in {"301", "400", "403"}:
                return True
            raise
        return True

    return look.ask("s3:ListBucket", exists)


def _own_buckets(look: Look) -> frozenset[str]:
    client = look.client("s3")
    pages = client.get_paginator("list_buckets").paginate()
    return look.ask(
        "s3:ListAllMyBuckets", lambda: frozenset(bucket["Name"] for page in pages for bucket in page["Buckets"])
    )


CHECKS = (
    Check(name="buckets", look=buckets),
    Check(name="key aliases", look=key_aliases),
    Check(name="log groups", look=log_groups),
)
