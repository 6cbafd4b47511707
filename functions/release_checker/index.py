"""Asks an endpoint that a release has deployed what its model's contract and its held-back sample say."""

import io
import json
import math
import os
import time
import zipfile
from collections.abc import Sequence
from typing import Any

import fastjsonschema
from botocore.exceptions import ClientError
from pipeline_job import Event, answer, artifact, told
from record import STATEMENT, RefusedError
from registry import located
from roles import taken

_JSON_LINES = "application/jsonlines"
_ROWS_A_REQUEST = 100
# A probability of 0 or 1 that is wrong would make the loss infinite.
_LEAST = 1e-15


def handler(event: Event, context: object) -> None:  # noqa: ARG001 - as Lambda calls it
    """Does CodePipeline's job; the pipeline's definition tells the environment, `staging` or `production`.

    Args:
        event: The job, with the record as its artifact; the first action of the release has verified it.
        context: Of no use here.
    """
    answer(event, lambda: _check(told(event), artifact(event)))


def _check(environment: str, content: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        contract, said = json.loads(archive.read("contract.json")), json.loads(archive.read(STATEMENT))
    asking = taken(os.environ[f"{environment.upper()}_ROLE_ARN"], name="release-check")
    endpoint = Endpoint(asking, os.environ[f"{environment.upper()}_ENDPOINT"])
    endpoint.refuse_out_of_service()
    problems = [*_contract(endpoint, contract)]
    found, summary = _sample(endpoint, contract, said["sample"])
    problems += found
    if problems:
        raise RefusedError("; ".join(problems))
    print(summary)
    return {"Summary": summary}


class Endpoint:
    """An endpoint, and who asks it.

    Args:
        asking: The session of who asks.
        name: Its name.
    """

    def __init__(self, asking: Any, name: str) -> None:
        self.name = name
        self._control, self._runtime = asking.client("sagemaker"), asking.client("sagemaker-runtime")

    def refuse_out_of_service(self) -> None:
        """Refuses an endpoint that does not serve.

        Raises:
            RefusedError: It does not.
        """
        status = self._control.describe_endpoint(EndpointName=self.name)["EndpointStatus"]
        if status != "InService":
            raise RefusedError(f"{self.name} is {status}; accepted: InService")

    def ask(self, rows: Sequence[Any]) -> list[Any]:
        """The answers to rows, in their order.

        Raises:
            RefusedError: It does not answer, not with JSON, or not with one answer a row.
        """
        answers: list[Any] = []
        for first in range(0, len(rows), _ROWS_A_REQUEST):
            part = rows[first : first + _ROWS_A_REQUEST]
            body = "".join(f"{json.dumps(row)}\n" for row in part).encode()
            try:
                said = self._runtime.invoke_endpoint(
                    EndpointName=self.name, ContentType=_JSON_LINES, Accept=_JSON_LINES, Body=body
                )["Body"].read()
                found = [json.loads(line) for line in said.splitlines()]
            except ClientError as error:
                raise RefusedError(f"{self.name} does not answer: {error.response['Error']['Message']}") from error
            except ValueError as error:
                raise RefusedError(f"{self.name} answers with what is no JSON") from error
            if len(found) != len(part):
                raise RefusedError(f"{self.name} answered {len(part)} rows with {len(found)}")
            answers += found
        return answers


def _contract(endpoint: Endpoint, contract: dict[str, Any]) -> list[str]:
    """What breaks the contract, a sentence each."""
    began = time.monotonic()
    answers = endpoint.ask(contract["requests"])
    seconds = time.monotonic() - began
    problems = []
    valid = fastjsonschema.compile(contract["answer"])
    for number, one in enumerate(answers, start=1):
        try:
            valid(one)
        except fastjsonschema.JsonSchemaValueException as error:
            problems.append(f"{endpoint.name}: answer {number} breaks the contract: {error.message}")
    if seconds > contract["max_seconds"]:
        problems.append(
            f"{endpoint.name} took {seconds:.2f} s for {len(answers)} rows; accepted: {contract['max_seconds']} s"
        )
    return problems


def _sample(endpoint: Endpoint, contract: dict[str, Any], sample: dict[str, Any]) -> tuple[list[str], str]:
    """What differs from the evaluation's own predictions, and the comparison in words."""
    bucket, key = located(sample["uri"])
    reading = taken(os.environ["STAGING_ROLE_ARN"], name="release-check").client("s3")
    content = reading.get_object(Bucket=bucket, Key=key, VersionId=sample["versionId"])["Body"].read()
    rows = [json.loads(line) for line in content.splitlines()]
    if not rows:
        return [f"the held-back sample {sample['uri']} is empty"], ""
    field, tolerance = contract["prediction"], contract["tolerance"]
    answers = [_number(one, field) for one in endpoint.ask([row["row"] for row in rows])]
    expected = [float(row["prediction"]) for row in rows]
    labels = [float(row["label"]) for row in rows]
    # A number that is none compares with nothing, so it has to be asked for.
    largest = max(math.inf if math.isnan(a) else abs(a - e) for a, e in zip(answers, expected, strict=True))
    summary = (
        f"{len(rows)} answers of {endpoint.name} equal to the evaluation's to {largest:.1e}, log loss "
        f"{_log_loss(labels, answers):.4f}, in the evaluation {_log_loss(labels, expected):.4f}"
    )
    if largest > tolerance:
        return [f"{endpoint.name} differs from the evaluation by {largest:.3g}; accepted: {tolerance:g}"], summary
    return [], summary


def _number(said: Any, field: str) -> float:
    found = said.get(field) if isinstance(said, dict) else None
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else math.nan


def _log_loss(labels: Sequence[float], predictions: Sequence[float]) -> float:
    """Mean negative log-likelihood, in nats a row."""
    kept = [min(max(p, _LEAST), 1 - _LEAST) for p in predictions]
    losses = [-math.log(p if label else 1 - p) for label, p in zip(labels, kept, strict=True)]
    return sum(losses) / len(losses)
