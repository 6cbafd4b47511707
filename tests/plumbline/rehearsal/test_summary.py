"""The summary as a table that a person reads at a glance."""

import dataclasses

from plumbline.rehearsal.pipeline_run import ActionRun, PipelineRun
from plumbline.rehearsal.predictions import Agreement
from plumbline.rehearsal.release import Served
from plumbline.rehearsal.summary import Act, DeniedCall, Drill, ModelSummary, Summary
from plumbline.rehearsal.training_run import Run, RunStep

ARN = "arn:aws:sagemaker:eu-west-1:222222222222"


def _step(name: str, seconds: float) -> RunStep:
    return RunStep(name=name, status="Succeeded", seconds=seconds, cached=False, failure="")


def _served(name: str) -> Served:
    return Served(
        endpoint=name,
        status="InService",
        configuration=f"{name}-1",
        model_package_arn=f"{ARN}:model-package/group/1",
        artifact="s3://models/model.tar.gz",
        artifact_digest="0123456789abcdef" * 4,
        image_digest="sha256:0",
    )


DELIVERY = PipelineRun(
    pipeline="plumbline-delivery",
    execution="e",
    status="Succeeded",
    commit="0123456789" * 4,
    actions=(
        ActionRun(stage="Source", name="Source", status="Succeeded", seconds=1.2, failure=""),
        ActionRun(stage="dev", name="one.Prepare", status="Succeeded", seconds=2.0, failure=""),
        ActionRun(stage="dev", name="one.Deploy", status="Succeeded", seconds=3.1, failure=""),
    ),
    seconds=7.4,
)
WAY = ModelSummary(
    model="flight_delays",
    commit="c" * 40,
    dataset_id="d" * 16,
    code_digest="e" * 16,
    run=Run(
        arn=f"{ARN}:pipeline/p/execution/e",
        status="Succeeded",
        steps=(_step("Prepare", 2.71), _step("Train", 6.5), _step("Gate", 0.02)),
        failure="",
        model_package_arn=f"{ARN}:model-package/group/1",
        seconds=12.4,
    ),
    metrics={
        "metrics": {
            "challenger": {"average_precision": 0.40824, "log_loss": 0.48376, "brier": 0.15591, "roc_auc": 0.6983},
            "logistic_regression": {"average_precision": 0.33},
        },
        "gate": {"average_precision_gain_lower": 0.0642, "log_loss_gain_lower": 0.0189, "confidence": 0.95},
    },
    model_package_arn=f"{ARN}:model-package/group/1",
    release=DELIVERY,
    served={"staging": _served("plumbline-staging-flight-delays"), "production": _served("p")},
    agreement=Agreement(rows=1200, largest_difference=0.0),
)
CALL = DeniedCall(principal="p", action="s3:PutObject", resource="r", because="b")
SUMMARY = Summary(
    id="one",
    accounts={"dev": "111111111111", "staging": "222222222222", "production": "333333333333"},
    region="eu-west-1",
    templates={"one": "0", "two": "1"},
    resources={"one": {"AWS::S3::Bucket": 3}, "two": {"AWS::KMS::Key": 1, "AWS::EC2::VPC": 1}},
    image="image",
    image_digest="sha256:0",
    deliveries=(DELIVERY,),
    models=(WAY,),
    calls={"somebody": {"s3:GetObject": 1000, "s3:PutObject": 234}, "another": {"s3:GetObject": 1}},
    denied_calls=(CALL,),
    denied_attempts=2,
    network_isolation="user namespace",
    steps={},
    seconds=61.04,
)


def test_the_table_says_what_was_shown_in_one_line_each() -> None:
    assert SUMMARY.rows() == [
        ("accounts", "dev 111111111111, staging 222222222222, production 333333333333"),
        ("stacks", "2, 5 resources, each template as synth wrote it"),
        ("isolation of jobs", "user namespace"),
        ("delivery", "01234567 Succeeded in 7 s: Source 1 s, dev 5 s"),
        ("flight_delays: run", "Succeeded in 12.4 s: Prepare 2.7 s, Train 6.5 s"),
        ("flight_delays: quality", "average precision 0.408, log loss 0.484, ROC AUC 0.698"),
        ("flight_delays: gate", "lower bounds of the gains: average precision 0.064, log loss 0.019"),
        ("flight_delays: release", "version 1, Succeeded in 7 s: Source 1 s, dev 5 s"),
        ("flight_delays: staging", "plumbline-staging-flight-delays InService, artifact 0123456789abcdef"),
        ("flight_delays: production", "p InService, artifact 0123456789abcdef"),
        ("flight_delays: answers", "1,200 equal to the artifact's own, to 0.0e+00"),
        ("calls allowed", "1,235 by 2 principals"),
        ("calls denied", "2 attempts at 1 calls, each expected"),
        ("seconds", "61.0"),
    ]


def test_each_act_of_a_drill_has_a_line() -> None:
    acts = tuple(
        Act(
            name=name,
            commit="0123456789" * 4,
            execution="e",
            status=status,
            stages={"Source": 1.0, stage: 2.0},
            seconds=9.6,
            shown={},
        )
        for name, status, stage in (("a stack", "Succeeded", "production"), ("a broken test", "Failed", "Build"))
    )
    drilled = dataclasses.replace(SUMMARY, drills=(Drill(name="delivery", acts=acts, seconds=19.2),))
    assert [row for row in drilled.rows() if row not in SUMMARY.rows()] == [
        ("delivery: a stack", "01234567 Succeeded at production, in 10 s"),
        ("delivery: a broken test", "01234567 Failed at Build, in 10 s"),
    ]


def test_a_model_with_other_metrics_shows_its_first_ones() -> None:
    report = {"metrics": {"challenger": {"mean_error": 0.5, "b": 1.0, "c": 2.0, "d": 3.0, "rows": 7}}}
    rows = dict(dataclasses.replace(SUMMARY, models=(dataclasses.replace(WAY, metrics=report),)).rows())
    assert rows["flight_delays: quality"] == "mean error 0.500, b 1.000, c 2.000"
    assert rows["flight_delays: gate"] == "lower bounds of the gains: none reported"


def test_long_names_are_clipped() -> None:
    way = dataclasses.replace(
        WAY, model="x" * 40, run=dataclasses.replace(WAY.run, steps=(*(_step("y" * 30, 1.0) for _ in range(9)),))
    )
    rows = dataclasses.replace(SUMMARY, models=(way,)).rows()
    assert max(len(what) for what, _ in rows) <= 28
    assert max(len(value) for _, value in rows) == 90
