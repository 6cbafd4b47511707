"""Pipelines: made, changed, deleted, looked at, tagged; and which of them a change of a repository starts."""

from collections.abc import Iterator, Mapping

from plumbline.rehearsal import enforcement
from plumbline.rehearsal.api.errors import ApiError, validation_error
from plumbline.rehearsal.api.scope import Scope
from plumbline.rehearsal.api.shapes import Document
from plumbline.rehearsal.api.store import Table
from plumbline.rehearsal.codepipeline import errors
from plumbline.rehearsal.codepipeline.engine import Engine
from plumbline.rehearsal.codepipeline.options import Options
from plumbline.rehearsal.codepipeline.providers import PROVIDERS
from plumbline.rehearsal.codepipeline.records import Pipeline
from plumbline.rehearsal.codepipeline.roles import pipeline_role
from plumbline.rehearsal.codepipeline.structure import check_structure
from plumbline.rehearsal.codepipeline.views import pipeline_state

Caller = enforcement.Caller | None


class Pipelines:
    """The pipelines of all accounts.

    Args:
        options: How the emulator is reached.
        engine: Runs them.
    """

    def __init__(self, options: Options, engine: Engine) -> None:
        self._options = options
        self._engine = engine
        self.table: Table[Scope, Pipeline] = Table(errors.no_pipeline)

    def create(self, scope: Scope, request: Document, caller: Caller) -> Document:
        """CreatePipeline: makes a pipeline, which starts at once.

        Raises:
            ApiError: The name is taken, or the declaration cannot be.
        """
        declaration = _normal(request["pipeline"], version=1)
        check_structure(declaration, region=scope.region)
        self._check_role(scope, declaration)
        pipeline = Pipeline(scope, declaration, now=self._engine.clock())
        pipeline.tags = {tag["key"]: tag["value"] for tag in request.get("tags", [])}
        self.table.add(scope, pipeline.name, pipeline, taken=lambda present: errors.name_taken(scope, present.name))
        self._engine.start(
            pipeline, trigger=("CreatePipeline", "" if caller is None else caller.arn), variables=defaults(pipeline)
        )
        tags = request.get("tags")
        return {"pipeline": declaration} | ({"tags": tags} if tags else {})

    def update(self, scope: Scope, request: Document, _caller: Caller) -> Document:
        """UpdatePipeline: the version grows by one; executions under way are cancelled.

        Raises:
            ApiError: There is no such pipeline, or the declaration cannot be.
        """
        pipeline = self.table.get(scope, request["pipeline"]["name"])
        declaration = _normal(request["pipeline"], version=pipeline.version + 1)
        check_structure(declaration, region=scope.region)
        self._check_role(scope, declaration)
        self._engine.update(pipeline, declaration)
        return {"pipeline": declaration}

    def get(self, scope: Scope, request: Document, _caller: Caller) -> Document:
        """GetPipeline.

        Raises:
            ApiError: There is no such pipeline or version.
        """
        pipeline = self.table.get(scope, request["name"])
        with pipeline.lock:
            version = request.get("version", pipeline.version)
            if version > pipeline.version:
                raise errors.no_version(pipeline.name, version)
            return {
                "pipeline": pipeline.versions[version - 1],
                "metadata": {"pipelineArn": pipeline.arn, "created": pipeline.created, "updated": pipeline.updated},
            }

    def delete(self, scope: Scope, request: Document, _caller: Caller) -> Document:
        """DeletePipeline; one that is not there is no error, as AWS answers."""
        pipeline = self.table.find(scope, request["name"])
        if pipeline is not None:
            self.table.remove(scope, pipeline.name)
            self._engine.shutdown([pipeline])
        return {}

    def list_all(self, scope: Scope, request: Document, _caller: Caller) -> Document:
        """ListPipelines."""
        rows = [
            {
                "name": pipeline.name,
                "version": pipeline.version,
                "pipelineType": "V2",
                "executionMode": pipeline.mode,
                "created": pipeline.created,
                "updated": pipeline.updated,
            }
            for pipeline in self.table.rows(scope)
        ]
        return page(rows, request, key="pipelines")

    def state(self, scope: Scope, request: Document, _caller: Caller) -> Document:
        """GetPipelineState.

        Raises:
            ApiError: There is no such pipeline.
        """
        pipeline = self.table.get(scope, request["name"])
        with pipeline.lock:
            return pipeline_state(pipeline)

    def set_tags(self, scope: Scope, request: Document, _caller: Caller) -> Document:
        """TagResource.

        Raises:
            ApiError: There is no such resource.
        """
        tagged = self._tagged(scope, request)
        tagged.tags |= {tag["key"]: tag["value"] for tag in request["tags"]}
        return {}

    def remove_tags(self, scope: Scope, request: Document, _caller: Caller) -> Document:
        """UntagResource.

        Raises:
            ApiError: There is no such resource.
        """
        tagged = self._tagged(scope, request)
        tagged.tags = {key: value for key, value in tagged.tags.items() if key not in request["tagKeys"]}
        return {}

    def list_tags(self, scope: Scope, request: Document, _caller: Caller) -> Document:
        """ListTagsForResource.

        Raises:
            ApiError: There is no such resource.
        """
        tags = self._tagged(scope, request).tags
        return page([{"key": key, "value": value} for key, value in tags.items()], request, key="tags")

    def tags_of(self, scope: Scope, name: str) -> Mapping[str, str]:
        """A pipeline's tags."""
        pipeline = self.table.find(scope, name)
        return {} if pipeline is None else dict(pipeline.tags)

    def listening_to(self, full_id: str, branch: str) -> Iterator[tuple[Pipeline, Document]]:
        """The pipelines that a change of a branch starts, each with the source action that listens."""
        for pipeline in self.table.everything():
            for action in pipeline.declaration["stages"][0]["actions"]:
                kind, told = action["actionTypeId"], action.get("configuration", {})
                listens = PROVIDERS[kind["category"], kind["provider"]].listens
                repository = told.get("FullRepositoryId") or told.get("RepositoryName")
                if not listens or told.get(listens, "true").lower() == "false":
                    continue
                if (repository, told.get("BranchName")) == (full_id, branch):
                    yield pipeline, action
                    break

    def _check_role(self, scope: Scope, declaration: Document) -> None:
        arn = declaration["roleArn"]
        try:
            pipeline_role(
                self._options,
                arn=arn,
                scope=scope,
                pipeline_arn=scope.arn_of("codepipeline", declaration["name"]),
            )
        except enforcement.AccessDenied as error:
            raise errors.invalid_structure(
                f"CodePipeline is not authorized to perform AssumeRole on role {arn}"
            ) from error

    def _tagged(self, scope: Scope, request: Document) -> Pipeline:
        arn = request["resourceArn"]
        parts = arn.split(":")
        if parts[2:5] != ["codepipeline", scope.region, scope.account] or len(parts) != 6:
            raise ApiError("InvalidArnException", f"The specified resource ARN {arn} is invalid.")
        pipeline = self.table.find(scope, parts[5])
        if pipeline is None:
            raise ApiError("ResourceNotFoundException", f"The resource {arn} was not found.")
        return pipeline


def defaults(pipeline: Pipeline) -> dict[str, str]:
    """The default values of a pipeline's variables."""
    declared = pipeline.declaration.get("variables", [])
    return {one["name"]: one["defaultValue"] for one in declared if "defaultValue" in one}


def given(pipeline: Pipeline, request: Document) -> dict[str, str]:
    """The values of a pipeline's variables, those of a request before the defaults.

    Raises:
        ApiError: One is not declared, or one has no value.
    """
    told = {one["name"]: one["value"] for one in request.get("variables", [])}
    declared = [one["name"] for one in pipeline.declaration.get("variables", [])]
    for name in told:
        if name not in declared:
            raise validation_error(f"Pipeline '{pipeline.name}' does not have a variable '{name}'")
    values = defaults(pipeline) | told
    for name in declared:
        if name not in values:
            raise validation_error(f"Variable '{name}' of pipeline '{pipeline.name}' has no default value: give one")
    return values


def page(rows: list[Document], request: Document, *, key: str) -> Document:
    """A page of a List operation.

    Raises:
        ApiError: ``InvalidNextTokenException``.
    """
    token = request.get("nextToken") or "0"
    if not token.isdigit() or int(token) > len(rows):
        raise ApiError("InvalidNextTokenException", "The next token was specified in an invalid format.")
    start, size = int(token), int(request.get("maxResults") or 100)
    found: Document = {key: rows[start : start + size]}
    return found | ({"nextToken": str(start + size)} if start + size < len(rows) else {})


def _normal(pipeline: Document, *, version: int) -> Document:
    """A declaration with what AWS fills in."""
    stages = [
        stage
        | {
            "actions": [
                {"runOrder": 1, "configuration": {}, "inputArtifacts": [], "outputArtifacts": []} | action
                for action in stage["actions"]
            ]
        }
        for stage in pipeline["stages"]
    ]
    return {"executionMode": "SUPERSEDED"} | pipeline | {"stages": stages, "version": version}
