"""Sources: a repository behind a connection, one in CodeCommit, an object in S3.

Sources: user guide, "CodeStarSourceConnection …", "CodeCommit source action reference" and "Amazon S3 source action
reference"; "Variables reference" for the output variables.
"""

import datetime
import json
from collections.abc import Callable, Mapping

from botocore.exceptions import ClientError

from plumbline.rehearsal.api.errors import ApiError
from plumbline.rehearsal.codepipeline.artifacts import write
from plumbline.rehearsal.codepipeline.connections import AVAILABLE, Connections
from plumbline.rehearsal.codepipeline.options import Options
from plumbline.rehearsal.codepipeline.repositories import Commit, NoRepositoryError, Repositories
from plumbline.rehearsal.codepipeline.roles import Role, failure, role_of
from plumbline.rehearsal.codepipeline.work import ActionFailedError, Outcome, Progress, Revision, Work

_CLONE = "CODEBUILD_CLONE_REF"


class Sources:
    """The source actions.

    Args:
        options: How the emulator is reached.
        repositories: The rehearsal's repositories.
        connections: The connections to them.
    """

    def __init__(self, options: Options, repositories: Repositories, connections: Connections) -> None:
        self._options = options
        self._repositories = repositories
        self._connections = connections

    def from_connection(self, work: Work) -> Outcome:
        """Takes a commit of a repository that a connection leads to.

        Raises:
            ActionFailedError: The role may not use the connection, it is not available, or there is no such branch.
        """
        told, role = work.order.configuration, role_of(self._options, work.order)
        connection, full_id, branch = told["ConnectionArn"], told["FullRepositoryId"], told["BranchName"]
        self._use(role, connection, full_id, branch)
        commit = self._commit(work, full_id, branch, lambda: self._repositories.head(full_id, branch))
        self._deliver(work, role, full_id, branch, commit, told.get("OutputArtifactFormat", "CODE_ZIP"))
        return self._outcome(
            work,
            commit,
            {
                "AuthorDate": _iso(commit.author[2]),
                "BranchName": branch,
                "CommitId": commit.id,
                "CommitMessage": commit.message,
                "ConnectionArn": connection,
                "FullRepositoryName": full_id,
            },
            url=(
                f"https://{role.session.region}.console.aws.amazon.com/codesuite/settings/connections/redirect"
                f"?connectionArn={connection}&referenceType=COMMIT&FullRepositoryId={full_id}&Commit={commit.id}"
            ),
            # as the events of such an action show it
            summary=json.dumps(
                {"ProviderType": self._connections.get(connection)["ProviderType"], "CommitMessage": commit.message},
                separators=(",", ":"),
            ),
        )

    def from_codecommit(self, work: Work) -> Outcome:
        """Takes a commit of a repository in CodeCommit.

        Raises:
            ActionFailedError: The role may not, or there is no such branch.
        """
        told, role = work.order.configuration, role_of(self._options, work.order)
        name, branch = told["RepositoryName"], told["BranchName"]
        client = role.client("codecommit")

        def newest() -> str:
            found = client.get_branch(repositoryName=name, branchName=branch)
            return str(found["branch"]["commitId"])

        try:
            commit = self._commit(work, name, branch, newest)
            client.get_commit(repositoryName=name, commitId=commit.id)
        except ClientError as error:
            raise failure(error) from error
        arn = f"arn:aws:codecommit:{role.session.region}:{role.account}:{name}"
        form = told.get("OutputArtifactFormat", "CODE_ZIP")
        for action in ("GetRepository",) if form == _CLONE else ("UploadArchive", "GetUploadArchiveStatus"):
            role.require(f"codecommit:{action}", arn)
        self._deliver(work, role, name, branch, commit, form)
        return self._outcome(
            work,
            commit,
            {
                "AuthorDate": _iso(commit.author[2]),
                "BranchName": branch,
                "CommitId": commit.id,
                "CommitMessage": commit.message,
                "CommitterDate": _iso(commit.committer[2]),
                "RepositoryName": name,
            },
            url=(
                f"https://{role.session.region}.console.aws.amazon.com/codecommit/home#/repository/{name}/commit/"
                f"{commit.id}"
            ),
            summary=commit.message,
        )

    def from_s3(self, work: Work) -> Outcome:
        """Takes a version of an object, which is the artifact as it is.

        Raises:
            ActionFailedError: The role may not, there is no such object, or its bucket keeps no versions.
        """
        told, role = work.order.configuration, role_of(self._options, work.order)
        bucket, key = told["S3Bucket"], told["S3ObjectKey"]
        kind, value = work.order.revision or ("", "")
        version = {"VersionId": value} if kind == "S3_OBJECT_VERSION_ID" else {}
        if kind == "S3_OBJECT_KEY":
            key = value
        client = role.client("s3")
        try:
            if client.get_bucket_versioning(Bucket=bucket).get("Status") != "Enabled":
                raise ActionFailedError(
                    "ConfigurationError", f"The S3 bucket {bucket} must have versioning enabled to be a source"
                )
            found = client.get_object(Bucket=bucket, Key=key, **version)
        except ClientError as error:
            raise failure(error) from error
        write(role, work.order.outputs[0], found["Body"].read())
        summary = f"Amazon S3 version id: {found['VersionId']}"
        work.report(Progress(external_id=found["VersionId"], summary=summary))
        return Outcome(
            variables={"BucketName": bucket, "ETag": found["ETag"].strip('"'), "ObjectKey": key}
            | {"VersionId": found["VersionId"]},
            revision=Revision(id=found["VersionId"], summary=summary, created=found["LastModified"].timestamp()),
            summary=summary,
        )

    def _use(self, role: Role, connection: str, full_id: str, branch: str) -> None:
        """Decides whether a role may use a connection, and whether there is one to use.

        The action's prefix is that of the connection's ARN: developer tools guide, "Connections rename - Summary of
        changes".
        """
        prefix = connection.split(":")[2]
        keys = {
            "FullRepositoryId": full_id,
            "RepositoryName": full_id.rpartition("/")[2],
            "OwnerId": full_id.partition("/")[0],
            "BranchName": branch,
        }
        try:
            role.require(
                f"{prefix}:UseConnection",
                connection,
                {f"{prefix}:{key}": value for key, value in keys.items()},
            )
        except ActionFailedError as error:
            raise ActionFailedError(
                "PermissionError",
                f"Unable to use Connection: {connection}. The provided role does not have sufficient permissions. "
                f"({error.message})",
            ) from error
        try:
            status = self._connections.status_of(connection)
        except ApiError as error:
            raise ActionFailedError("ConfigurationError", error.message) from error
        if status != AVAILABLE:
            raise ActionFailedError("ConfigurationError", f"Connection {connection} is not available")

    def _commit(self, work: Work, full_id: str, branch: str, newest: Callable[[], str]) -> Commit:
        kind, value = work.order.revision or ("", "")
        try:
            return self._repositories.commit(full_id, value if kind == "COMMIT_ID" else newest())
        except NoRepositoryError as error:
            raise ActionFailedError(
                "ConfigurationError", f"No Branch [{branch}] found for FullRepositoryName [{full_id}]"
            ) from error

    def _deliver(self, work: Work, role: Role, full_id: str, branch: str, commit: Commit, form: str) -> None:
        content = (
            self._repositories.clone(full_id, commit.id, branch)
            if form == _CLONE
            else self._repositories.archive(full_id, commit.id)
        )
        write(role, work.order.outputs[0], content)

    def _outcome(self, work: Work, commit: Commit, variables: Mapping[str, str], *, url: str, summary: str) -> Outcome:
        work.report(Progress(external_id=commit.id, external_url=url, summary=summary))
        return Outcome(
            variables=variables,
            revision=Revision(
                id=commit.id, summary=summary, created=float(commit.committer[2]), url=url, change=commit.id
            ),
        )


def _iso(seconds: int) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
