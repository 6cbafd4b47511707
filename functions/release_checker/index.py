"""Checks an endpoint that a release has deployed: it keeps its model's contract, and predicts as it was evaluated.

The contract comes from the release's record; so does the place of the sample, test rows with what the model's
evaluation predicted for them. What serves another model than the released, or the released one in another way, answers
these rows otherwise.
"""

import dataclasses
import json
import math
import os
import time
from collections.abc import Sequence
from typing import Any, NoReturn

import fastjsonschema
from botocore.exceptions import ClientError

from job import Job, Outcome, answer
from record import CONTRACT, LIMIT, Record, opened
from refusal import RefusedError
from role import Client, Document, Role, message_of
from stored import read

_JSON_LINES = "application/jsonlines"
_TOGETHER = 100  # rows a request; InvokeEndpoint takes 6 MB (API reference)
_LEAST = 1e-15  # what a probability of 0 counts as in a log loss


@dataclasses.dataclass(frozen=True, kw_only=True)
class Endpoint:
    """An endpoint and who asks it.

    Attributes:
        name: Its name.
        role: Who asks.
    """

    name: str
    role: Role

    def status(self) -> str:
        """Its status.

        Raises:
            RefusedError: It is not there, or may not be looked at.
        """
        try:
            described = self.role.client("sagemaker").describe_endpoint(EndpointName=self.name)
        except ClientError as error:
            raise RefusedError(f"{self.name} cannot be looked at: {message_of(error)}") from error
        return str(described["EndpointStatus"])

    def ask(self, rows: Sequence[Document]) -> list[Any]:
        """Its answers to rows, one each.

        Raises:
            RefusedError: It does not answer, or otherwise than in a line of JSON a row.
        """
        runtime = self.role.client("sagemaker-runtime")
        answers: list[Any] = []
        for first in range(0, len(rows), _TOGETHER):
            answers += self._ask_together(runtime, rows[first : first + _TOGETHER])
        return answers

    def _ask_together(self, runtime: Client, rows: Sequence[Document]) -> list[Any]:
        body = "".join(f"{json.dumps(row)}\n" for row in rows).encode()
        try:
            response = runtime.invoke_endpoint(
                EndpointName=self.name, ContentType=_JSON_LINES, Accept=_JSON_LINES, Body=body
            )
            answers = [json.loads(line, parse_constant=_no_json) for line in response["Body"].read().splitlines()]
        except ClientError as error:
            raise RefusedError(f"{self.name} does not answer: {message_of(error)}") from error
        except ValueError as error:
            raise RefusedError(f"{self.name} answers with what is no JSON: {error}") from error
        if len(answers) != len(rows):
            raise RefusedError(f"{self.name} answers {len(rows)} rows with {len(answers)} lines")
        return answers


def handler(event: dict[str, Any], context: object) -> dict[str, str]:  # noqa: ARG001 - as Lambda calls it
    """Answers a job of CodePipeline; its user parameters are `staging` or `production`.

    Returns:
        What was said, under `said`: all that was seen, or all that is wrong. The job's variable is `Summary`.
    """
    return answer(event, _check)


def _check(job: Job) -> Outcome:
    part = job.told
    if part not in ("staging", "production"):
        raise RefusedError(f"the action's user parameters are {part!r}; accepted: 'staging' or 'production'")
    record = opened(job.archive(), model=os.environ["MODEL"])
    contract = json.loads(record.files[CONTRACT])
    role = Role(arn=os.environ[f"{part.upper()}_ROLE_ARN"], session="checker")
    endpoint = Endpoint(name=os.environ[f"{part.upper()}_ENDPOINT"], role=role)
    status = endpoint.status()
    if status != "InService":
        raise RefusedError(f"{endpoint.name} is {status}; accepted: InService")
    seen: list[str] = []
    wrong: list[str] = []
    for check in (_keep_contract, _repeat_evaluation):
        try:
            said = check(endpoint, contract, record)
        except RefusedError as refusal:
            wrong.append(str(refusal))
        else:
            seen.append(said)
    if wrong:
        raise RefusedError("; ".join(wrong))
    summary = "; ".join([f"{endpoint.name} is InService", *seen])
    return Outcome(summary=summary, variables={"Summary": summary})


def _keep_contract(endpoint: Endpoint, contract: Document, _record: Record) -> str:
    validate = fastjsonschema.compile(contract["answer"])
    requests = contract["requests"]
    began = time.monotonic()
    answers = endpoint.ask(requests)
    seconds = time.monotonic() - began
    wrong = []
    for number, one in enumerate(answers, start=1):
        try:
            validate(one)
        except fastjsonschema.JsonSchemaValueException as error:
            wrong.append(f"answer {number} breaks the contract: {error.message}")
    limit = contract["max_seconds"]
    if seconds > limit:
        wrong.append(f"{len(answers)} answers took {seconds:.2f} s; accepted: {limit} s")
    if wrong:
        raise RefusedError("; ".join(wrong))
    return f"{len(answers)} answers keep the contract in {seconds:.2f} s"


def _repeat_evaluation(endpoint: Endpoint, contract: Document, record: Record) -> str:
    rows = _sample(record)
    evaluated = [float(row["prediction"]) for row in rows]
    answered = [_prediction(one, contract["prediction"]) for one in endpoint.ask([row["row"] for row in rows])]
    apart = [abs(mine - theirs) for mine, theirs in zip(answered, evaluated, strict=True)]
    labels = [row["label"] for row in rows]
    losses = f"log loss {_log_loss(labels, answered):.3f}, the evaluation's {_log_loss(labels, evaluated):.3f}"
    tolerance = contract["tolerance"]
    far = [distance for distance in apart if not distance <= tolerance]
    if far:
        raise RefusedError(
            f"{len(far)} of {len(rows)} answers differ from the evaluation's by more than {tolerance}, "
            f"row {apart.index(max(apart)) + 1} by {max(apart):.3g}; {losses}"
        )
    exactly = f" to {max(apart):.0e}" if max(apart) else ""
    return f"{len(rows)} answers equal to the evaluation's{exactly}; {losses}"


def _sample(record: Record) -> list[Document]:
    where = record.said["sample"]
    storage = Role(arn=os.environ["STAGING_ROLE_ARN"], session="checker").client("s3")
    text = read(storage, where["uri"], what="sample", limit=LIMIT, version=where["versionId"])
    rows: list[Document] = [json.loads(line) for line in text.splitlines()]
    if not rows:
        raise RefusedError(f"the sample {where['uri']} has no rows")
    return rows


def _prediction(answered: Any, field: str) -> float:
    found = answered.get(field) if isinstance(answered, dict) else None
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        raise RefusedError(f"an answer's {field} is {json.dumps(found)}; accepted: a number")
    return float(found)


def _log_loss(labels: Sequence[int], predictions: Sequence[float]) -> float:
    """The mean of minus the logarithm of what was predicted for what came."""
    held = [min(max(one, _LEAST), 1 - _LEAST) for one in predictions]
    return -sum(math.log(one if label else 1 - one) for label, one in zip(labels, held, strict=True)) / len(held)


def _no_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")
