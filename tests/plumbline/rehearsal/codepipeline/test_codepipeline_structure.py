"""Declarations that cannot be, in AWS's words, and those that the rehearsal does not have, by name."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from plumbline.rehearsal.api.errors import ApiError, UnsupportedOperationError
from plumbline.rehearsal.codepipeline.structure import actions_in_order, check_structure
from tests.plumbline.rehearsal.codepipeline.world import action, stage

Document = dict[str, Any]
SOURCE = {"ConnectionArn": "arn:aws:codeconnections:eu-west-1:1:connection/x", "FullRepositoryId": "a/b"}


def declaration() -> Document:
    source = action(
        "Checkout",
        "Source/CodeStarSourceConnection",
        SOURCE | {"BranchName": "main"},
        outputs=["Code"],
        namespace="Source",
    )
    build = action("Make", "Build/CodeBuild", {"ProjectName": "p"}, inputs=["Code"], outputs=["Built"])
    return {
        "name": "p",
        "roleArn": "arn:aws:iam::111111111111:role/p",
        "pipelineType": "V2",
        "artifactStore": {"type": "S3", "location": "store"},
        "stages": [stage("Source", source), stage("Build", build)],
    }


def test_a_sound_declaration_passes() -> None:
    check_structure(declaration(), region="eu-west-1")


def _second(changed: Document) -> Document:
    found: Document = changed["stages"][1]["actions"][0]
    return found


WRONG: list[tuple[str, Callable[[Document], object], str]] = [
    ("one stage", lambda d: d["stages"].pop(), "Pipeline has 1 stage"),
    (
        "no source first",
        lambda d: d["stages"].reverse(),
        "Pipeline should start with a stage that only contains source actions",
    ),
    ("two of a name", lambda d: d["stages"][1].update(name="Source"), "Stage name must be unique"),
    (
        "a missing key",
        lambda d: _second(d)["configuration"].pop("ProjectName"),
        "Action configuration for action 'Make' is missing required configuration 'ProjectName'",
    ),
    (
        "an unknown key",
        lambda d: _second(d)["configuration"].update(Speed="high"),
        "Action configuration for action 'Make' contains unknown configuration 'Speed'",
    ),
    (
        "an input that nobody makes",
        lambda d: _second(d).update(inputArtifacts=[{"name": "Other"}]),
        "Input Artifact Bundle Other in action Make is not declared as Output Artifact in any of the preceding actions",
    ),
    (
        "an output twice",
        lambda d: _second(d).update(outputArtifacts=[{"name": "Code"}]),
        "Output Artifact Bundle name must be unique within the pipeline. Code has been used more than once.",
    ),
    ("no input", lambda d: _second(d).update(inputArtifacts=[]), "declares 0 input artifacts which is not valid"),
    (
        "a namespace that is not there",
        lambda d: _second(d)["configuration"].update(EnvironmentVariables="#{Nobody.x}"),
        "ActionName=[Make], ActionConfigurationKey=[EnvironmentVariables], VariableReferenceText=[#{Nobody.x}]",
    ),
    (
        "a namespace of an action that runs later",
        lambda d: d["stages"][0]["actions"][0]["configuration"].update(BranchName="#{Source.BranchName}"),
        "a namespace that does not exist. StageName=[Source]",
    ),
    (
        "a time limit of an action that is no approval",
        lambda d: _second(d).update(timeoutInMinutes=10),
        "timeoutInMinutes is for actions of category Approval only",
    ),
]


@pytest.mark.parametrize(("change", "message"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_a_declaration_that_cannot_be_is_refused(change: Callable[[Document], object], message: str) -> None:
    changed = copy.deepcopy(declaration())
    change(changed)
    with pytest.raises(ApiError) as raised:
        check_structure(changed, region="eu-west-1")
    assert message in raised.value.message
    assert raised.value.code in ("InvalidStructureException", "InvalidActionDeclarationException")


LACKING: list[tuple[Callable[[Document], object], str]] = [
    (lambda d: d.update(pipelineType="V1"), "pipelines of type V1"),
    (lambda d: d.update(executionMode="PARALLEL"), "execution mode PARALLEL"),
    (lambda d: d.update(triggers=[{"providerType": "x"}]), "triggers with filters"),
    (lambda d: d["stages"][1].update(onFailure={"result": "ROLLBACK"}), "onFailure of a stage (Build)"),
    (lambda d: d["stages"][1].update(beforeEntry={"conditions": [{}]}), "beforeEntry of a stage (Build)"),
    (lambda d: _second(d)["actionTypeId"].update(owner="ThirdParty"), "actions of owner ThirdParty (Make)"),
    (lambda d: _second(d)["actionTypeId"].update(provider="Jenkins"), "Build action of provider Jenkins (Make)"),
    (lambda d: _second(d)["configuration"].update(BatchEnabled="true"), "BatchEnabled=true (Make)"),
    (lambda d: _second(d).update(region="us-east-1"), "actions in another region (Make)"),
    (lambda d: _second(d).update(commands=["make"]), "commands of an action (Make)"),
]


@pytest.mark.parametrize(("change", "what"), LACKING, ids=[row[1] for row in LACKING])
def test_what_the_rehearsals_codepipeline_lacks_is_refused_by_name(
    change: Callable[[Document], object], what: str
) -> None:
    changed = copy.deepcopy(declaration())
    change(changed)
    with pytest.raises(UnsupportedOperationError) as raised:
        check_structure(changed, region="eu-west-1")
    assert raised.value.message == f"pipeline p: the rehearsal's CodePipeline has no {what}"


def test_actions_are_grouped_by_their_order() -> None:
    built = stage(
        "S",
        action("late", "Approval/Manual", runOrder=3),
        action("early", "Approval/Manual"),
        action("beside", "Approval/Manual", runOrder=1),
    )
    names = [[one["name"] for one in group] for group in actions_in_order(built)]
    assert names == [["early", "beside"], ["late"]]
