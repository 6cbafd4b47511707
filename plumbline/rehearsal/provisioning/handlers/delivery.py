"""Pipelines of delivery."""

from collections.abc import Mapping

from plumbline.rehearsal.provisioning.notation import Handler, When, calls, passes, tagged

_STAGE = "codepipeline:{here}:{name}/{item}"
_CONNECTIONS = calls(
    "codestar-connections:PassConnection",
    on="{item}",
    of="Stages",
    each="Stages.*.Actions.*.Configuration.ConnectionArn",
    keys={"codestar-connections:PassedToService": "codepipeline.amazonaws.com"},
)
_ROLE = (*calls("iam:GetRole", on="{RoleArn}"), *passes("RoleArn", to="codepipeline.amazonaws.com"))
_DISABLED = "DisableInboundStageTransitions"

HANDLERS: Mapping[str, Handler] = {
    "AWS::CodePipeline::Pipeline": Handler(
        on="codepipeline:{here}:{name}",
        name="Name",
        create=(
            *_ROLE,
            *_CONNECTIONS,
            *tagged("codepipeline:CreatePipeline"),
            *tagged("codepipeline:TagResource", of="Tags"),
            *calls(
                "codepipeline:DisableStageTransition",
                on=_STAGE,
                of=_DISABLED,
                each=f"{_DISABLED}.*.StageName",
            ),
            *calls("codepipeline:GetPipeline", "codepipeline:GetPipelineState"),
        ),
        update=(
            *_ROLE,
            *_CONNECTIONS,
            *calls("codepipeline:UpdatePipeline", "codepipeline:GetPipeline", "codepipeline:GetPipelineState"),
            *calls(
                "codepipeline:DisableStageTransition",
                on=_STAGE,
                of=_DISABLED,
                when=When.ADDED,
                each=f"{_DISABLED}.*.StageName",
            ),
            *calls(
                "codepipeline:EnableStageTransition",
                on=_STAGE,
                of=_DISABLED,
                when=When.REMOVED,
                each=f"{_DISABLED}.*.StageName",
            ),
            *calls("codepipeline:StartPipelineExecution", each="RestartExecutionOnUpdate"),
            *tagged("codepipeline:TagResource", of="Tags"),
            *calls(
                "codepipeline:UntagResource",
                of="Tags",
                when=When.REMOVED,
                each="Tags.*.Key",
                keys={"aws:TagKeys": "{item}"},
            ),
        ),
        delete=calls("codepipeline:GetPipeline", "codepipeline:DeletePipeline"),
        replacing=frozenset({"Name"}),
        system_tags=False,
    ),
}
