"""CodeBuild's projects, whose type has no handler in the registry.

Source: CodeBuild API reference, "CreateProject", "UpdateProject", "DeleteProject", and the Service Authorization
Reference for CodeBuild; the service role is passed, as to every service that works in one.
"""

from collections.abc import Mapping

from plumbline.rehearsal.provisioning.notation import Handler, calls, passes, tagged

_ROLE = passes("ServiceRole", to="codebuild.amazonaws.com")

HANDLERS: Mapping[str, Handler] = {
    "AWS::CodeBuild::Project": Handler(
        on="codebuild:{here}:project/{name}",
        name="Name",
        create=(*tagged("codebuild:CreateProject"), *_ROLE),
        update=(*tagged("codebuild:UpdateProject"), *_ROLE),
        delete=calls("codebuild:DeleteProject"),
        replacing=frozenset({"Name"}),
        system_tags=False,
    ),
}
