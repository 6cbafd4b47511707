"""Decides which signals train a model anew, and keeps every decision with its reason.

A signal is drift that production has seen, the hour of a schedule, a dataset that has come, code that was delivered, or
a person's request. One governor an account decides on all of them. It refuses what a model does not take, what comes
while a run of the model is in flight, inside the cool-down, over the runs of a day or the budget of a month, a signal
that is older than the model's last run, every signal after some failed runs in a row, until a person resumes, what
comes while a newer version waits for an approval, and a run that would be made of what the last one was made of.

Events arrive twice, late and in any order (EventBridge user guide, "At least once"). A signal is decided on once, by
its id. **The clock is never asked**: the time of a decision is the event's own, `detail.state.timestamp` of an alarm
and `time` of everything else, so that an event that comes again, from the queue of failed ones or from an archive,
meets the same hours, days and months. Only whether a run is in flight, which dataset and labelled windows are the
newest, which commit was delivered, who is champion and which version waits are as they are found.

Events (source, detail-type):
    aws.cloudwatch, "CloudWatch Alarm State Change": of `<PRODUCTION_PREFIX>-<slug>-drift` in PRODUCTION_ACCOUNT.
    aws.events, "Scheduled Event": of the rule `<PREFIX>-<slug>-retrain`.
    aws.s3, "Object Created": of `<model>/datasets/<dataset>/dataset.json` in DATA_BUCKET.
    aws.ssm, "Parameter Store Change": of COMMIT_PARAMETER; a signal for each model that takes code.
    plumbline, "Retraining Requested": `{"model", "reason", "id", "resume"}`; `resume` may be left out. Its rule puts
        the time at which EventBridge took it in for the time that its sender says.
    aws.sagemaker, "SageMaker Model Building Pipeline Execution Status Change": of the pipeline `<PREFIX>-<slug>`.

Environment variables:
    ACCOUNT: The account of the pipelines; events of any other are passed over, but for alarms.
    PREFIX: What begins the names of its pipelines, model package groups and rules, e.g. `plumbline-staging`.
    PRODUCTION_ACCOUNT: The account of the alarms.
    PRODUCTION_PREFIX: What begins their names, e.g. `plumbline-production`.
    DATA_BUCKET: The bucket of datasets and labelled windows; it keeps versions.
    COMMIT_PARAMETER: The SSM parameter that says which commit was delivered.
    SETTINGS_PREFIX: Path of the SSM parameters `<SETTINGS_PREFIX>/<model>` with settings.py's document in each; begins
        with a slash and does not end with one.
    TABLE: The table's name.
    OPERATIONS_TOPIC_ARN: The topic by which a person is told that a model was stopped.

The table: partition key `model`, sort key `item`, both strings; no index, no stream; table.py says what is in it. The
decisions on a model, by time: Query on `model` and `begins_with(item, "decision#")`.

Actions:
    dynamodb:GetItem, dynamodb:PutItem: The table. TransactWriteItems is allowed by PutItem.
    sagemaker:StartPipelineExecution, sagemaker:ListPipelineExecutions: The pipelines `<PREFIX>-*`.
    sagemaker:DescribePipelineExecution, sagemaker:ListPipelineExecutionSteps: Their executions,
        `pipeline/<PREFIX>-*/execution/*`.
    sagemaker:ListModelPackages: The model package groups; IAM knows no resource of it.
    sagemaker:DescribeModelPackage: The versions `model-package/<PREFIX>-*/*`.
    s3:ListBucket: DATA_BUCKET, with the prefixes `*/datasets/*` and `labelled/*`.
    s3:GetObject: `*/datasets/*/dataset.json` in DATA_BUCKET, for HeadObject, and `labelled/*/*/labelled.json`.
    s3:PutObject: `*/labelled/*/labelled.json` and `*/labelled/*/manifest.json` in DATA_BUCKET.
    kms:Decrypt, kms:GenerateDataKey: The key of the data, through S3.
    ssm:GetParameter: COMMIT_PARAMETER and `<SETTINGS_PREFIX>/*`.
    ssm:GetParametersByPath: SETTINGS_PREFIX.
    sns:Publish: OPERATIONS_TOPIC_ARN, and with it kms:GenerateDataKey and kms:Decrypt of the topic's key.
    kms:Decrypt of the table's key, if it is a customer's, through DynamoDB.
"""

import os
from typing import Any

from governor import Governor
from labelled import Windows
from runs import Runs
from signals import Delivery, End, Surroundings, read
from table import Decision, Table, Verdict


def handler(event: dict[str, Any], context: object) -> dict[str, str]:  # noqa: ARG001 - as Lambda calls it
    """Decides on the signal that an event is, or takes note of the end of a run.

    Args:
        event: As EventBridge delivers it.
        context: Of no use here.

    Returns:
        What was decided or done, under `said`.

    Raises:
        RefusedError: The event, the model's settings or what the run would be started with do not do; the message says
            why, in one sentence.
        ConflictError: Others have written of the model all the time; the event has to come again.
        ClientError: AWS refused or failed.
    """
    found = read(
        event,
        Surroundings(
            account=os.environ["ACCOUNT"],
            prefix=os.environ["PREFIX"],
            production_account=os.environ["PRODUCTION_ACCOUNT"],
            production_prefix=os.environ["PRODUCTION_PREFIX"],
            data_bucket=os.environ["DATA_BUCKET"],
            commit_parameter=os.environ["COMMIT_PARAMETER"],
        ),
    )
    if found is None:
        return _told("the event is about nothing that retrains")
    runs = Runs(
        prefix=os.environ["PREFIX"],
        data_bucket=os.environ["DATA_BUCKET"],
        commit_parameter=os.environ["COMMIT_PARAMETER"],
        settings_prefix=os.environ["SETTINGS_PREFIX"],
    )
    governor = Governor(
        table=Table(os.environ["TABLE"]),
        runs=runs,
        windows=Windows(os.environ["DATA_BUCKET"]),
        topic_arn=os.environ["OPERATIONS_TOPIC_ARN"],
    )
    if isinstance(found, End):
        return _told(governor.end(found))
    if isinstance(found, Delivery):
        decisions = governor.decide_each(found)
        return _told("; ".join(map(_sentence, decisions)) or "no model takes signals of code")
    return _told(_sentence(governor.decide(found)))


def _sentence(decision: Decision) -> str:
    about = f"{decision.signal} of {decision.model}"
    if decision.verdict is Verdict.STARTED:
        return f"{about} has started {decision.execution}"
    return f"{about} is refused ({decision.brake}): {decision.why}"


def _told(said: str) -> dict[str, str]:
    print(said)
    return {"said": said}
