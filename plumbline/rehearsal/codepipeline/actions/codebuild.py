"""Builds and tests in CodeBuild: started, watched and stopped in the action's role; the project's own does the rest.

Source: user guide, "AWS CodeBuild build and test action reference".
"""

from collections.abc import Mapping, Sequence

from plumbline.rehearsal.api.errors import UnsupportedOperationError
from plumbline.rehearsal.api.shapes import Document
from plumbline.rehearsal.codepipeline.artifacts import json_list
from plumbline.rehearsal.codepipeline.links import of_build
from plumbline.rehearsal.codepipeline.options import Options
from plumbline.rehearsal.codepipeline.roles import Role, role_of
from plumbline.rehearsal.codepipeline.work import AbandonedError, ActionFailedError, Outcome, Progress, Work


def perform(options: Options, work: Work) -> Outcome:
    """Runs a build.

    Raises:
        ActionFailedError: The build fails, or the role may not start it.
    """
    order, role = work.order, role_of(options, work.order)
    project, region = order.configuration["ProjectName"], order.scope.region
    arn = f"arn:aws:codebuild:{region}:{role.account}:project/{project}"
    role.require("codebuild:StartBuild", arn)
    build = _start(options, work, role)
    work.report(Progress(external_id=build, external_url=of_build(region, build)))
    role.require("codebuild:BatchGetBuilds", arn)
    try:
        described = _ended(options, work, role, build)
    except AbandonedError as abandoned:
        if abandoned.stopped:
            _stop(options, work, role, arn, build)
        raise
    except ActionFailedError:
        _stop(options, work, role, arn, build)
        raise
    if described["buildStatus"] != "SUCCEEDED":
        raise ActionFailedError("JobFailed", _reason(described))
    exported = described.get("exportedEnvironmentVariables", [])
    return Outcome(variables={one["name"]: str(one.get("value", "")) for one in exported})


def _start(options: Options, work: Work, role: Role) -> str:
    order = work.order
    try:
        return options.builds.start(
            account=role.account,
            region=order.scope.region,
            project=order.configuration["ProjectName"],
            inputs=order.inputs,
            primary=order.configuration.get("PrimarySource") or order.inputs[0].name,
            outputs=order.outputs,
            environment=_environment(order.configuration.get("EnvironmentVariables", "[]")),
            initiator=f"codepipeline/{order.pipeline}",
        )
    except (ActionFailedError, UnsupportedOperationError):
        raise
    except Exception as error:
        # the error's class is the other service's own; its message is AWS's
        raise ActionFailedError("JobFailed", f"Error calling startBuild: {error}") from error


def _environment(text: str) -> Sequence[Mapping[str, str]]:
    variables = json_list(text, "EnvironmentVariables")
    for variable in variables:
        if not {"name", "value"} <= variable.keys():
            raise ActionFailedError("ConfigurationError", "EnvironmentVariables: each needs a name and a value")
    return [{key: str(value) for key, value in variable.items()} for variable in variables]


def _ended(options: Options, work: Work, role: Role, build: str) -> Document:
    while True:
        described = options.builds.describe(build, account=role.account, region=work.order.scope.region)
        if described["buildStatus"] != "IN_PROGRESS":
            return described
        work.pause()


def _stop(options: Options, work: Work, role: Role, arn: str, build: str) -> None:
    role.require("codebuild:StopBuild", arn)
    options.builds.stop(build, account=role.account, region=work.order.scope.region)


def _reason(build: Document) -> str:
    text = f"Build terminated with state: {build['buildStatus']}"
    for phase in build.get("phases", []):
        if phase.get("phaseStatus") not in (None, "SUCCEEDED"):
            for context in phase.get("contexts", [])[:1]:
                text += (
                    f". Phase: {phase['phaseType']}, Code: {context.get('statusCode', '')}, "
                    f"Message: {context.get('message', '')}"
                )
            return text
    return text
