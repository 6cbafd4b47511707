"""Closes a window of an endpoint's traffic: says which files are of it, and starts the job that looks at them.

Called by a schedule, a quarter of an hour after a window's end. What it writes and starts follows from the event's own
time, never from a clock: an event that arrives twice, or late from the dead-letter queue, finds the same files and
starts nothing again, since SageMaker knows the request's token. A window without a file starts no job, for a job over
nothing fails; the metric `no_data` says so instead.
"""

import datetime
import hashlib
import json
import os
from collections.abc import Iterable
from typing import Any

import boto3
from botocore.exceptions import ClientError

from windows import Span, before, ended_before, moment

Client = Any
Document = dict[str, Any]


def handler(event: Document, context: object) -> dict[str, str]:  # noqa: ARG001 - as Lambda calls it
    """Closes the window that has ended before the event.

    Args:
        event: `model`, `time`, `every` (how long a window is) and `labelsAfterHours` (how late the truth is known).
        context: Of no use here.

    Returns:
        What was done, under `said`, and the execution that was started, if one was.

    Raises:
        ValueError: The event is not what the schedule sends.
        ClientError: AWS refused or failed.
    """
    model, every = str(event["model"]), str(event["every"])
    asked = ended_before(moment(str(event["time"])), every)
    answered = asked
    while answered.until > asked.until - datetime.timedelta(hours=int(event["labelsAfterHours"])):
        answered = before(answered, every)
    sagemaker, s3 = boto3.client("sagemaker"), boto3.client("s3")
    endpoint = f"{os.environ['PREFIX']}-{model.replace('_', '-')}"
    served = _served(sagemaker, endpoint)
    if served is None:
        return _told(f"{model}: there is no endpoint {endpoint} yet, and nothing to watch")
    version, container, variants, since = served
    artifact, image = str(container["ModelDataUrl"]), str(container["Image"])
    _, pinned, digest = image.partition("@sha256:")
    if not pinned:
        raise ValueError(f"{version} runs the image {image}; accepted: an image by its digest")
    places = [f"{model}/{endpoint}/{variant}/" for variant in variants]
    captures = _captured(s3, places, asked)
    # What the version before has answered says nothing of this one's quality.
    answers = _captured(s3, places, answered) if answered.since >= since else []
    # The truth of the older window may have arrived at any time since.
    labels = _captured(s3, [f"{model}/labels/"], Span(since=answered.since, until=asked.until)) if answers else []
    if not (captures or (answers and labels)):
        _tell_no_data(model)
        return _told(f"{model}: nothing was captured in the window {asked.id}")
    folder = f"{model}/"
    window = {
        "id": asked.id,
        "model": model,
        "version": version,
        "endpoint": endpoint,
        "asked": asked.document(),
        "answered": answered.document(),
        "captures": [key.removeprefix(folder) for key in captures],
        "answers": [key.removeprefix(folder) for key in answers],
        "labels": [key.removeprefix(folder) for key in labels],
    }
    path = f"windows/{asked.id}/window.json"
    files = sorted({*window["captures"], *window["answers"], *window["labels"], path})
    manifest = [{"prefix": f"s3://{_bucket()}/{folder}"}, *files]
    _write(s3, f"{folder}{path}", window)
    _write(s3, f"{folder}windows/{asked.id}/manifest.json", manifest)
    execution = sagemaker.start_pipeline_execution(
        PipelineName=f"{endpoint}-monitor",
        PipelineExecutionDisplayName=asked.id,
        PipelineParameters=[
            {"Name": "WindowId", "Value": asked.id},
            {"Name": "AnsweredId", "Value": answered.id},
            {"Name": "BaselineUri", "Value": f"{artifact.rpartition('/')[0]}/baselines/"},
            {"Name": "ModelUri", "Value": artifact},
            {"Name": "ImageDigest", "Value": digest},
        ],
        # 32 to 128 characters (API_StartPipelineExecution).
        ClientRequestToken=hashlib.sha256(f"{model} {asked.id} {version}".encode()).hexdigest(),
    )["PipelineExecutionArn"]
    return _told(f"{model}: {len(files) - 1} files of the window {asked.id} are looked at", execution=execution)


def _served(sagemaker: Client, endpoint: str) -> tuple[str, Document, list[str], datetime.datetime] | None:
    """The version that an endpoint serves, its container, the names of all variants, and since when; None without one.

    Of several variants the first one's version is watched.
    """
    try:
        config = sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointConfigName"]
    except ClientError as error:
        # "ValidationException" with these words is what SageMaker answers for what is not there.
        if "Could not find" in error.response["Error"]["Message"]:
            return None
        raise
    configured = sagemaker.describe_endpoint_config(EndpointConfigName=config)
    variants = configured["ProductionVariants"]
    container = sagemaker.describe_model(ModelName=variants[0]["ModelName"])["PrimaryContainer"]
    version = str(container["ModelPackageName"])
    package = sagemaker.describe_model_package(ModelPackageName=version)
    (served,) = package["InferenceSpecification"]["Containers"]
    names = sorted(variant["VariantName"] for variant in variants)
    return version, served, names, configured["CreationTime"].astimezone(datetime.UTC)


def _captured(s3: Client, places: Iterable[str], span: Span) -> list[str]:
    """Keys of the objects in folders by hour, `yyyy/mm/dd/hh/`, that are of a span."""
    found = []
    hours = {
        f"{span.since + datetime.timedelta(hours=number):%Y/%m/%d/%H}"
        for number in range(int((span.until - span.since).total_seconds() // 3_600))
    }
    for place in places:
        for day in span.days:
            pages = s3.get_paginator("list_objects_v2").paginate(Bucket=_bucket(), Prefix=f"{place}{day:%Y/%m/%d}/")
            keys = (entry["Key"] for page in pages for entry in page.get("Contents", []) if entry["Size"])
            found += [key for key in keys if key.removeprefix(place).rpartition("/")[0] in hours]
    return found


def _write(s3: Client, key: str, content: object) -> None:
    body = f"{json.dumps(content, indent=1)}\n".encode()
    s3.put_object(Bucket=_bucket(), Key=key, Body=body, ContentType="application/json")


def _tell_no_data(model: str) -> None:
    boto3.client("cloudwatch").put_metric_data(
        Namespace=os.environ["NAMESPACE"],
        MetricData=[
            {"MetricName": "no_data", "Dimensions": [{"Name": "Model", "Value": model}], "Value": 1},
        ],
    )


def _bucket() -> str:
    return os.environ["CAPTURE_BUCKET"]


def _told(said: str, *, execution: str = "") -> dict[str, str]:
    print(said)
    return {"said": said, **({"execution": execution} if execution else {})}
