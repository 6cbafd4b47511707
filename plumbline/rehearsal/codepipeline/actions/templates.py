"""What a CloudFormation action is given: template, parameters, tags and stack policy, out of artifacts and overrides.

Source: user guide, "AWS CloudFormation deploy action reference"; CloudFormation user guide, "Using parameter override
functions with CodePipeline pipelines": ``Fn::GetParam`` and ``Fn::GetArtifactAtt``.
"""

import dataclasses
import json
from collections.abc import Mapping

from plumbline.rehearsal.api.shapes import Document
from plumbline.rehearsal.codepipeline.artifacts import file_in, json_in, read
from plumbline.rehearsal.codepipeline.roles import Role
from plumbline.rehearsal.codepipeline.work import ActionFailedError, Order


@dataclasses.dataclass(frozen=True, kw_only=True)
class Deployment:
    """What is to be deployed.

    Attributes:
        template: Its text.
        parameters: Values by name.
        tags: The stack's.
        policy: The stack policy's text; empty for none.
    """

    template: str
    parameters: Mapping[str, str]
    tags: Mapping[str, str]
    policy: str

    def request(self) -> Document:
        """The members of a request."""
        return {
            "TemplateBody": self.template,
            "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in self.parameters.items()],
            "Tags": [{"Key": key, "Value": value} for key, value in self.tags.items()],
        }


class Files:
    """The files of an action's input artifacts, each read once.

    Args:
        order: The action.
        role: What reads them.
    """

    def __init__(self, order: Order, role: Role) -> None:
        self._artifacts = {artifact.name: artifact for artifact in order.inputs}
        self._role = role
        self._read: dict[str, bytes] = {}

    def text(self, location: str) -> str:
        """The file at ``Artifact::path``.

        Raises:
            ActionFailedError: There is none.
        """
        artifact, _, path = location.partition("::")
        return self.file(artifact, path)

    def file(self, artifact: str, path: str) -> str:
        """A file of an artifact.

        Raises:
            ActionFailedError: There is none.
        """
        if artifact not in self._artifacts:
            raise ActionFailedError("ConfigurationError", f"Artifact [{artifact}] is no input of the action")
        if artifact not in self._read:
            self._read[artifact] = read(self._role, self._artifacts[artifact])
        return file_in(self._read[artifact], artifact, path)

    def attribute(self, artifact: str, name: str) -> str:
        """Where an artifact is.

        Raises:
            ActionFailedError: It is no input, or has no such attribute.
        """
        if artifact not in self._artifacts:
            raise ActionFailedError("ConfigurationError", f"Artifact [{artifact}] is no input of the action")
        found = self._artifacts[artifact]
        region = self._role.session.region
        attributes = {
            "ArtifactName": artifact,
            "BucketName": found.bucket,
            "ObjectKey": found.key,
            "URL": f"https://{found.bucket}.s3.{region}.amazonaws.com/{found.key}",
        }
        if name not in attributes:
            raise ActionFailedError("ConfigurationError", f"Fn::GetArtifactAtt knows no attribute [{name}]")
        return attributes[name]


def deployment_of(order: Order, files: Files) -> Deployment:
    """Puts together what is to be deployed.

    Raises:
        ActionFailedError: Something is missing or malformed.
    """
    told = order.configuration
    if not told.get("TemplatePath"):
        raise ActionFailedError("ConfigurationError", f"ActionMode {told['ActionMode']} needs TemplatePath")
    configuration: Document = {}
    if told.get("TemplateConfiguration"):
        configuration = json_in(files.text(told["TemplateConfiguration"]), "TemplateConfiguration")
    parameters = {str(key): str(value) for key, value in configuration.get("Parameters", {}).items()}
    if told.get("ParameterOverrides"):
        overrides = json_in(told["ParameterOverrides"], "ParameterOverrides")
        parameters |= {key: _value(value, files) for key, value in overrides.items()}
    policy = configuration.get("StackPolicy")
    return Deployment(
        template=files.text(told["TemplatePath"]),
        parameters=parameters,
        tags={str(key): str(value) for key, value in configuration.get("Tags", {}).items()},
        policy=json.dumps(policy) if policy else "",
    )


def _value(value: object, files: Files) -> str:
    if not isinstance(value, dict):
        return str(value)
    match value:
        case {"Fn::GetParam": [str(artifact), str(path), str(key)]}:
            found = json_in(files.file(artifact, path), f"{artifact}::{path}")
            if key not in found:
                raise ActionFailedError("ConfigurationError", f"Key [{key}] does not exist in {artifact}::{path}")
            return str(found[key])
        case {"Fn::GetArtifactAtt": [str(artifact), str(name)]}:
            return files.attribute(artifact, name)
    raise ActionFailedError("ConfigurationError", f"ParameterOverrides: {json.dumps(value)} is no function")
