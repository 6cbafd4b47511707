"""What the delivery pipeline publishes before it deploys."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from plumbline.configuration import load_platform
from plumbline.delivery import assets
from plumbline.errors import PlumblineError
from tests.house.assembly import ROOT, Assembly


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The manifests that the publisher was given."""
    given: set[str] = set()

    def run(command: Sequence[str], **_options: object) -> subprocess.CompletedProcess[bytes]:
        given.update(Path(word).parent.name for word in command if word.endswith(".assets.json"))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", run)
    return given


@pytest.mark.parametrize(("production", "stages"), [(False, {"dev", "staging"}), (True, {"production", "releases"})])
def test_the_files_of_every_stack_that_the_pipeline_deploys_are_published(
    assembly: Assembly, published: set[str], production: bool, stages: set[str]
) -> None:
    assets.publish_assets(assembly.platform, assembly.folder, production=production)
    pipeline = assembly[assembly.platform.delivery.prefix].only("AWS::CodePipeline::Pipeline")["Properties"]
    deployed = {
        action["Configuration"]["TemplatePath"].partition("::")[2].partition("/")[0]
        for stage in pipeline["Stages"]
        if stage["Name"] in stages
        for action in stage["Actions"]
        if action["ActionTypeId"]["Provider"] == "CloudFormation" and "TemplatePath" in action["Configuration"]
    }
    # A stack that says which commit was delivered has its template in the pipeline's own artifact, and nothing else.
    assert published == {folder for folder in deployed if not folder.startswith("assembly-delivered-")}


def test_an_assembly_without_a_stage_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlumblineError, match=r"assembly-dev is missing; accepted: the cloud assembly of a build"):
        assets.publish_assets(load_platform(ROOT), tmp_path, production=False)
