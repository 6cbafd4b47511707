"""Approval by a person: the action waits for ``PutApprovalResult``, or fails when its time is up.

Source: user guide, "Manual approval action reference", "JSON data format for manual approval notifications in
CodePipeline" and "A timed-out approval action is processed in the same way as a failed action".
"""

import datetime
import json
import uuid

from botocore.exceptions import ClientError

from plumbline.rehearsal.codepipeline.links import console
from plumbline.rehearsal.codepipeline.options import Options
from plumbline.rehearsal.codepipeline.roles import failure, role_of
from plumbline.rehearsal.codepipeline.work import ActionFailedError, Outcome, Progress, Work


def perform(options: Options, work: Work) -> Outcome:
    """Tells the topic, where there is one, and waits for the answer.

    Raises:
        ActionFailedError: Rejected, not in time, or the topic may not be told.
    """
    token = str(uuid.uuid4())
    if work.order.configuration.get("NotificationArn"):
        _notify(options, work, token)
    work.report(Progress(token=token))
    answer = work.answer()
    if not answer.good:
        work.report(Progress(summary=answer.summary))
        raise ActionFailedError("JobFailed", answer.summary or "The approval was rejected.")
    return Outcome(summary=answer.summary, updated_by=answer.by)


def _notify(options: Options, work: Work, token: str) -> None:
    order = work.order
    told = order.configuration
    expires = datetime.datetime.fromtimestamp(work.deadline, datetime.UTC).strftime("%Y-%m-%dT%H:%MZ")
    link = console(order.scope.region, order.pipeline)
    approval = {
        "pipelineName": order.pipeline,
        "stageName": order.stage,
        "actionName": order.name,
        "token": token,
        "expires": expires,
        "externalEntityLink": told.get("ExternalEntityLink"),
        "approvalReviewLink": f"{link}/{order.stage}/{order.name}/approve/{token}",
        "customData": told.get("CustomData"),
    }
    message = {"region": order.scope.region, "consoleLink": link, "approval": approval}
    try:
        role_of(options, order).client("sns").publish(
            TopicArn=told["NotificationArn"],
            # a subject has at most 100 characters (SNS API reference, Publish)
            Subject=f"APPROVAL NEEDED: AWS CodePipeline {order.pipeline} for action {order.name}"[:100],
            Message=json.dumps(message),
        )
    except ClientError as error:
        raise failure(error) from error
