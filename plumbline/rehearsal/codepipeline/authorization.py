"""What a caller must be allowed for each operation: actions, resources and condition keys, as AWS decides on them.

Source: service authorization reference, "AWS CodePipeline"; ``iam:PassRole`` and the connection's ``PassConnection``
as the resource type's handler in the CloudFormation registry has them.
"""

from collections.abc import Callable, Iterator, Mapping

from plumbline.rehearsal.api.authorization import Check, Context, resource_tag_context, tag_context
from plumbline.rehearsal.api.scope import Scope
from plumbline.rehearsal.api.shapes import Document
from plumbline.rehearsal.codepipeline.roles import PRINCIPAL

# The members that name the resource, the pipeline's first; operations that are not here know no resource.
_RESOURCES: Mapping[str, tuple[str, ...]] = {
    "GetPipeline": ("name",),
    "DeletePipeline": ("name",),
    "GetPipelineState": ("name",),
    "StartPipelineExecution": ("name",),
    "StopPipelineExecution": ("pipelineName",),
    "GetPipelineExecution": ("pipelineName",),
    "ListPipelineExecutions": ("pipelineName",),
    "ListActionExecutions": ("pipelineName",),
    "EnableStageTransition": ("pipelineName", "stageName"),
    "DisableStageTransition": ("pipelineName", "stageName"),
    "RetryStageExecution": ("pipelineName", "stageName"),
    "PutApprovalResult": ("pipelineName", "stageName", "actionName"),
}


def checks(
    operation: str, request: Document, scope: Scope, tags_of: Callable[[str], Mapping[str, str]]
) -> Iterator[Check]:
    """The decisions that a request needs, its own action's first.

    Args:
        operation: For example ``PutApprovalResult``.
        request: Its parameters.
        scope: Where the request arrives.
        tags_of: The tags of a pipeline, by its name.
    """
    tags = {tag["key"]: tag["value"] for tag in request.get("tags", [])}
    context: Context = tag_context(tags, request.get("tagKeys", []))
    declaration = request.get("pipeline", {})
    if declaration:
        resource = scope.arn_of("codepipeline", declaration["name"])
        context |= resource_tag_context(tags_of(declaration["name"]))
    elif "resourceArn" in request:
        resource = request["resourceArn"]
        context |= resource_tag_context(tags_of(resource.rpartition(":")[2]))
    elif operation in _RESOURCES:
        names = [request[member] for member in _RESOURCES[operation]]
        resource = scope.arn_of("codepipeline", "/".join(names))
        context |= resource_tag_context(tags_of(names[0]))
    else:
        resource = "*"
    yield Check(action=f"codepipeline:{operation}", resource=resource, context=context)
    if declaration:
        yield from _passed(declaration, resource)


def _passed(declaration: Document, pipeline_arn: str) -> Iterator[Check]:
    yield Check(
        action="iam:PassRole",
        resource=declaration["roleArn"],
        context={"iam:PassedToService": PRINCIPAL, "iam:AssociatedResourceArn": pipeline_arn},
    )
    for stage in declaration["stages"]:
        for action in stage["actions"]:
            connection = action.get("configuration", {}).get("ConnectionArn", "")
            if connection.count(":") >= 5:
                prefix = connection.split(":")[2]
                yield Check(
                    action=f"{prefix}:PassConnection",
                    resource=connection,
                    context={f"{prefix}:PassedToService": PRINCIPAL},
                )
