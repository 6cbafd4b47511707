"""The events that CodeBuild sends to the default bus of the project's account.

Source: CodeBuild user guide, "Build notifications input format reference".
"""

import datetime
import json

from ministack.app import call_service_handler_sync
from ministack.core.responses import request_scope
from ministack.services import eventbridge

from plumbline.rehearsal.sagemaker.shapes import Document


def changed(record: Document, phase: Document | None) -> None:
    """A build has another status, or a phase of it has ended.

    Args:
        record: The build's record.
        phase: The phase that has ended; None for a change of the status.
    """
    detail = {
        "project-name": record["projectName"],
        "build-id": record["arn"],
        "additional-information": _information(record),
        "version": "1",
    }
    if phase is None:
        context = _context(record["phases"][-2]) if len(record["phases"]) > 1 else "[]"
        detail |= {
            "build-status": record["buildStatus"],
            "current-phase": record["currentPhase"],
            "current-phase-context": context,
        }
        _publish(record, "CodeBuild Build State Change", detail)
        return
    detail |= {
        "completed-phase": phase["phaseType"],
        "completed-phase-status": phase["phaseStatus"],
        "completed-phase-context": _context(phase),
        "completed-phase-duration-seconds": phase["durationInSeconds"],
        "completed-phase-start": _written(phase["startTime"]),
        "completed-phase-end": _written(phase["endTime"]),
    }
    _publish(record, "CodeBuild Build Phase Change", detail)


def _information(record: Document) -> Document:
    settings, logs = record["environment"], record["logs"]
    return {
        "artifact": {"location": record["artifacts"]["location"]},
        "environment": {
            "image": settings["image"],
            "privileged-mode": bool(settings.get("privilegedMode")),
            "compute-type": settings["computeType"],
            "type": settings["type"],
            "environment-variables": settings["environmentVariables"],
        },
        "timeout-in-minutes": record["timeoutInMinutes"],
        "queued-timeout-in-minutes": record["queuedTimeoutInMinutes"],
        "build-complete": record["buildComplete"],
        "initiator": record["initiator"],
        "build-number": record["buildNumber"],
        "build-start-time": _written(record["startTime"]),
        "source": {"type": record["source"]["type"], "location": record.get("sourceVersion", "")},
        **({"source-version": record["sourceVersion"]} if "sourceVersion" in record else {}),
        "logs": {"group-name": logs.get("groupName"), "stream-name": logs.get("streamName")},
        "phases": [_phase(phase) for phase in record["phases"]],
    }


def _phase(phase: Document) -> Document:
    described = {"phase-type": phase["phaseType"], "start-time": _written(phase["startTime"])}
    if "endTime" not in phase:
        return described
    return described | {
        "phase-status": phase["phaseStatus"],
        "phase-context": [_context(phase)],
        "end-time": _written(phase["endTime"]),
        "duration-in-seconds": phase["durationInSeconds"],
    }


def _context(phase: Document) -> str:
    written = [f"{one['statusCode']}: {one['message']}" for one in phase.get("contexts", ()) if one["statusCode"]]
    return f"[{', '.join(written) or ': '}]"


def _written(seconds: float) -> str:
    """A time as these events have it: ``Sep 1, 2017 4:12:29 PM``."""
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return f"{moment:%b} {moment.day}, {moment:%Y} {moment.hour % 12 or 12}:{moment:%M:%S %p}"


def _publish(record: Document, detail_type: str, detail: Document) -> None:
    entry = {
        "Source": "aws.codebuild",
        "DetailType": detail_type,
        "Resources": [record["arn"]],
        "Detail": json.dumps(detail),
    }
    _, _, _, region, account, _ = record["arn"].split(":", 5)

    async def put(*_request: object) -> None:
        with request_scope(account, region):
            eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)

    # on the emulator's own loop, where its rules and targets are read and changed
    call_service_handler_sync(put, "POST", "/", {}, b"", {})
