"""Statuses: the table is whole, and nothing happens that is not in it."""

import botocore.session
import pytest

from plumbline.rehearsal.api.lifecycle import IllegalTransitionError
from plumbline.rehearsal.sagemaker.transitions import (
    LIFECYCLES,
    Kind,
    begin,
    is_final,
    move,
)

# The shapes of SageMaker's own model that list the statuses of each kind.
SHAPES = {
    Kind.EXECUTION: "PipelineExecutionStatus",
    Kind.STEP: "StepStatus",
    Kind.TRAINING_JOB: "TrainingJobStatus",
    Kind.TRAINING_PHASE: "SecondaryStatus",
    Kind.PROCESSING_JOB: "ProcessingJobStatus",
    Kind.MODEL_PACKAGE: "ModelPackageStatus",
    Kind.APPROVAL: "ModelApprovalStatus",
    Kind.ENDPOINT: "EndpointStatus",
    Kind.DOMAIN: "DomainStatus",
}


@pytest.mark.parametrize("kind", Kind)
def test_every_status_is_one_of_sagemakers_own(kind: Kind) -> None:
    model = botocore.session.get_session().get_service_model("sagemaker")
    assert set(LIFECYCLES[kind].after) <= set(getattr(model.shape_for(SHAPES[kind]), "enum", []))


@pytest.mark.parametrize("kind", Kind)
def test_every_status_can_be_reached_from_the_start(kind: Kind) -> None:
    life = LIFECYCLES[kind]
    reached, waiting = set(life.start), list(life.start)
    while waiting:
        following = life.after[waiting.pop()] - reached
        reached |= following
        waiting += following
    assert reached == set(life.after)


@pytest.mark.parametrize("kind", Kind)
def test_every_allowed_step_is_taken_and_every_other_refused(kind: Kind) -> None:
    life = LIFECYCLES[kind]
    for present, allowed in life.after.items():
        for following in life.after:
            if following in allowed:
                assert move(kind, present, following) == following
            else:
                with pytest.raises(IllegalTransitionError):
                    move(kind, present, following)


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.APPROVAL])
def test_every_kind_but_an_approval_comes_to_an_end(kind: Kind) -> None:
    assert LIFECYCLES[kind].final


def test_nothing_begins_with_a_status_from_the_middle() -> None:
    with pytest.raises(IllegalTransitionError):
        begin(Kind.ENDPOINT, "InService")


def test_a_final_status_is_known_as_such() -> None:
    assert is_final(Kind.TRAINING_JOB, "Stopped")
    assert not is_final(Kind.TRAINING_JOB, "Stopping")


@pytest.mark.parametrize("kind", Kind)
def test_every_lifecycle_names_its_source(kind: Kind) -> None:
    assert LIFECYCLES[kind].source.startswith(("API reference, ", "Developer guide, "))
