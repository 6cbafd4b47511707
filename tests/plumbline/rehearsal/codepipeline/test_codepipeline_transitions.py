"""Statuses: each is one of CodePipeline's own, and nothing happens that is not in the table."""

import botocore.session
import pytest

from plumbline.rehearsal.api.lifecycle import IllegalTransitionError
from plumbline.rehearsal.codepipeline.transitions import LIFECYCLES, Kind, begin, move

SHAPES = {
    Kind.EXECUTION: "PipelineExecutionStatus",
    Kind.STAGE: "StageExecutionStatus",
    Kind.ACTION: "ActionExecutionStatus",
}


@pytest.mark.parametrize("kind", Kind)
def test_every_status_is_one_of_codepipelines_own(kind: Kind) -> None:
    model = botocore.session.get_session().get_service_model("codepipeline")
    assert set(LIFECYCLES[kind].after) <= set(getattr(model.shape_for(SHAPES[kind]), "enum", []))


@pytest.mark.parametrize("kind", Kind)
def test_a_step_that_is_not_in_the_table_is_refused(kind: Kind) -> None:
    life = LIFECYCLES[kind]
    for present, allowed in life.after.items():
        for following in life.after:
            if following in allowed:
                assert move(kind, present, following) == following
            else:
                with pytest.raises(IllegalTransitionError):
                    move(kind, present, following)


@pytest.mark.parametrize("kind", Kind)
def test_everything_begins_in_progress(kind: Kind) -> None:
    assert begin(kind) == "InProgress"
