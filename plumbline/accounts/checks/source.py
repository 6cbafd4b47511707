"""Where the platform's code comes from, seen from the delivery account."""

from collections.abc import Iterator

from plumbline.accounts.findings import Check, Finding, cannot_tell, missing, ok
from plumbline.accounts.looking import Look
from plumbline.configuration import SourceProvider

_CONSOLE = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}


def source(look: Look) -> Iterator[Finding]:
    """Whether the delivery pipeline will find the repository."""
    if not look.delivers:
        return
    provider = look.platform.source.provider
    if provider is SourceProvider.CODECONNECTIONS:
        yield from _connection(look)
    elif provider is SourceProvider.CODECOMMIT:
        yield from _repository(look)
    else:
        yield ok("source", f"the delivery stack makes the bucket {look.platform.delivery.source_bucket}")


def _connection(look: Look) -> Iterator[Finding]:
    arn, client = look.platform.delivery.connection_arn, look.client("codeconnections")
    region = look.platform.region
    console = f"https://{_CONSOLE[look.platform.partition]}/codesuite/settings/connections?region={region}"
    connection = look.find(
        "codeconnections:GetConnection",
        lambda: client.get_connection(ConnectionArn=arn)["Connection"],
        absent=("ResourceNotFoundException",),
    )
    if connection is None:
        way_out = f"make one in the console, {console}, and write its id into platform.toml, source.connection"
        yield missing("source", f"connection {arn} is not there", way_out=way_out)
    elif connection["ConnectionStatus"] == "PENDING":
        yield missing("source", f"connection {arn} is PENDING", way_out=f"confirm it in the console: {console}")
    elif connection["ConnectionStatus"] != "AVAILABLE":
        said = f"connection {arn} is {connection['ConnectionStatus']}"
        yield missing("source", said, way_out=f"make it anew in the console: {console}")
    else:
        yield ok("source", f"connection {connection.get('ConnectionName', arn)} is AVAILABLE")
        said = f"whether {look.platform.source.repository} has a branch {look.platform.source.branch}"
        yield cannot_tell("source", f"{said}: no API says what a connection reaches")


def _repository(look: Look) -> Iterator[Finding]:
    name, branch, client = look.platform.source.repository, look.platform.source.branch, look.client("codecommit")
    found = look.find(
        "codecommit:GetRepository",
        lambda: client.get_repository(repositoryName=name),
        absent=("RepositoryDoesNotExistException",),
    )
    if found is None:
        way_out = f"aws codecommit create-repository --repository-name {name} --region {look.platform.region}"
        yield missing("source", f"CodeCommit has no repository {name}", way_out=way_out)
        return
    head = look.find(
        "codecommit:GetBranch",
        lambda: client.get_branch(repositoryName=name, branchName=branch),
        absent=("BranchDoesNotExistException",),
    )
    if head is None:
        way_out = f"push this checkout there (git push <repository> HEAD:{branch})"
        yield missing("source", f"repository {name} has no branch {branch}", way_out=way_out)
    else:
        yield ok("source", f"branch {branch} of CodeCommit's {name}")


CHECKS = (Check(name="source", look=source),)
