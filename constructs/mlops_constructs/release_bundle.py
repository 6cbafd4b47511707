"""What a release record takes from the commit that was delivered."""

import shutil
import tempfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from aws_cdk import Stack
from aws_cdk import aws_s3_assets as assets
from constructs import Construct

from mlops_constructs.stack_files import settings, template_file
from plumbline.configuration import Environment, Model


class ReleaseBundle(Construct):
    """An archive with the templates of a model's serving stacks, their tags, its contract, and what else is released.

    Guarantees: its name is the hash of its content, so a record keeps the templates that were delivered when it was
    made, and a rollback deploys them again.

    Attributes:
        asset: The archive.
        digests: SHA-256 of each of its files, by the file's name.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        model: Model,
        serving: Mapping[Environment, Stack],
        more: Mapping[str, str],
    ) -> None:
        """Makes the archive.

        Args:
            scope: Parent construct.
            construct_id: Id below the parent.
            model: The model.
            serving: Its serving stack in each environment that serves, of Stages that are synthesized already.
            more: Contents of further files, by their paths.
        """
        super().__init__(scope, construct_id)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for environment, stack in serving.items():
                shutil.copyfile(template_file(stack), folder / template_name(environment))
                (folder / settings_name(environment)).write_text(settings(stack), encoding="utf-8")
            shutil.copyfile(model.folder / "contract.json", folder / "contract.json")
            for path, content in more.items():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_text(content, encoding="utf-8")
            files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
            self.digests = {name: sha256(path.read_bytes()).hexdigest() for name, path in sorted(files.items())}
            self.asset = assets.Asset(self, "Archive", path=str(folder))


def template_name(environment: Environment) -> str:
    """Name of a serving stack's template in a record."""
    return f"{environment}.template.json"


def settings_name(environment: Environment) -> str:
    """Name of the file in a record that says the tags of a serving stack, as CloudFormation's actions take it."""
    return f"{environment}.config.json"
