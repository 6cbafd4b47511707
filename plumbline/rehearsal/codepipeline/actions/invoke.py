"""Functions of Lambda, which tell by ``PutJobSuccessResult`` or ``PutJobFailureResult`` how their job ended.

Source: user guide, "AWS Lambda invoke action reference" and "Invoke an AWS Lambda function in a pipeline": the event,
the continuation token, the credentials.
"""

import json

from botocore.exceptions import ClientError

from plumbline.rehearsal.api.shapes import Document
from plumbline.rehearsal.codebuild import ArtifactObject
from plumbline.rehearsal.codepipeline.links import of_function
from plumbline.rehearsal.codepipeline.options import Options
from plumbline.rehearsal.codepipeline.roles import Role, artifact_role, failure, role_of
from plumbline.rehearsal.codepipeline.work import ActionFailedError, Order, Outcome, Progress, Work

# The pause before a function that asked for it is called again.
_CONTINUE_SECONDS = 0.5


def perform(options: Options, work: Work) -> Outcome:
    """Calls a function until it says how its job ended.

    Raises:
        ActionFailedError: It says that it failed, or says nothing in time, or the role may not call it.
    """
    order, role = work.order, role_of(options, work.order)
    function, continuation = order.configuration["FunctionName"], ""
    work.report(Progress(external_url=of_function(order.scope.region, function)))
    while True:
        _call(role, function, _job(options, order, continuation))
        answer = work.answer()
        work.report(answer.progress)
        if not answer.good:
            raise ActionFailedError(answer.code, answer.summary)
        if not answer.continuation:
            return Outcome(variables=answer.variables, summary=answer.progress.summary)
        continuation = answer.continuation
        work.pause(_CONTINUE_SECONDS)


def _call(role: Role, function: str, job: Document) -> None:
    try:
        role.client("lambda").invoke(
            FunctionName=function, InvocationType="Event", Payload=json.dumps({"CodePipeline.job": job}).encode()
        )
    except ClientError as error:
        raise failure(error) from error


def _job(options: Options, order: Order, continuation: str) -> Document:
    key = next((one.kms_key for one in (*order.inputs, *order.outputs) if one.kms_key), "")
    data: Document = {
        "actionConfiguration": {"configuration": dict(order.configuration)},
        "inputArtifacts": [_artifact(artifact) for artifact in order.inputs],
        "outputArtifacts": [_artifact(artifact) for artifact in order.outputs],
        "artifactCredentials": _credentials(artifact_role(options, order)),
    }
    if continuation:
        data["continuationToken"] = continuation
    if key:
        data["encryptionKey"] = {"id": key, "type": "KMS"}
    return {"id": order.id, "accountId": order.scope.account, "data": data}


def _artifact(artifact: ArtifactObject) -> Document:
    return {
        "name": artifact.name,
        "revision": None,
        "location": {"type": "S3", "s3Location": {"bucketName": artifact.bucket, "objectKey": artifact.key}},
    }


def _credentials(role: Role) -> Document:
    return {
        "accessKeyId": role.session.access_key,
        "secretAccessKey": role.session.secret_key,
        "sessionToken": role.session.token,
    }
