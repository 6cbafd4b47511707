"""What a request says beyond what the emulator reads in it: its resource, further decisions, condition keys."""

import contextlib
import contextvars
import io
import json
import types
from collections.abc import Callable, Mapping

from botocore.parsers import BaseCBORParser, ResponseParserError
from ministack.core import iam_actions

from plumbline.rehearsal.enforcement import second_factor, trail_events
from plumbline.rehearsal.enforcement.callers import Context
from plumbline.rehearsal.enforcement.condition_keys import boundary_of
from plumbline.rehearsal.enforcement.object_keys import Implied

_DEPLOYING = frozenset({"CreateStack", "UpdateStack", "CreateChangeSet", "DeleteStack"})
_CBOR_MAP = frozenset(bytes([first]) for first in range(0xA0, 0xC0))
_NO_KEYS: Context = types.MappingProxyType({})
_stack_roles: dict[tuple[str, str, str], str] = {}
implied: contextvars.ContextVar[tuple[Implied, ...]] = contextvars.ContextVar("implied", default=())
request_keys: contextvars.ContextVar[Context] = contextvars.ContextVar("request_keys", default=_NO_KEYS)
# Whether the request is a part of an object, or puts the parts together: for IAM it is an s3:PutObject like any other.
of_upload: contextvars.ContextVar[bool] = contextvars.ContextVar("of_upload", default=False)
_own_resource_arn = iam_actions.extract_resource_arn


def stack_role(account: str, region: str, stack_name: str) -> str | None:
    """The role that a stack was last given to be deployed with."""
    return _stack_roles.get((account, region, stack_name))


def name_resource(
    service: str,
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    query_params: Mapping[str, object],
    region: str,
    account_id: str,
) -> str:
    """Stands in for MiniStack's ``extract_resource_arn`` and remembers what else a request needs decided."""
    implied.set(())
    request_keys.set(_NO_KEYS)
    of_upload.set(service == "s3" and "uploadId" in query_params)
    second_factor.note(_given(query_params, "SerialNumber"), _given(query_params, "TokenCode"))
    trail_events.note(_given(query_params, "RoleArn") if _given(query_params, "Action") == "AssumeRole" else "")
    arn: str = _own_resource_arn(service, method, path, headers, body, query_params, region, account_id)
    read = _REQUEST_READERS.get(service)
    return read(arn, body, query_params, region, account_id) if read else arn


def _read_ec2(arn: str, body: bytes, query_params: Mapping[str, object], region: str, account_id: str) -> str:  # noqa: ARG001
    action, prefix = _given(query_params, "Action"), f"arn:aws:ec2:{region}:{account_id}"
    if action.startswith("Describe"):
        return "*"
    if action != "CreateNetworkInterface":
        return arn
    touched = [f"{prefix}:subnet/{_given(query_params, 'SubnetId')}"]
    while group := _given(query_params, f"SecurityGroupId.{len(touched)}"):
        touched.append(f"{prefix}:security-group/{group}")
    implied.set(tuple(Implied(action=f"ec2:{action}", resource=resource) for resource in touched))
    return f"{prefix}:network-interface/*"


def _read_cloudformation(
    arn: str,
    body: bytes,  # noqa: ARG001
    query_params: Mapping[str, object],
    region: str,
    account_id: str,
) -> str:
    role = _given(query_params, "RoleARN")
    if role and _given(query_params, "Action") in _DEPLOYING:
        _stack_roles[account_id, region, _given(query_params, "StackName")] = role
    if role:
        passed: Context = {"iam:passedtoservice": "cloudformation.amazonaws.com"}
        implied.set((Implied(action="iam:PassRole", resource=role, context=passed),))
    return arn


def _read_iam(arn: str, body: bytes, query_params: Mapping[str, object], region: str, account_id: str) -> str:  # noqa: ARG001
    boundary = _given(query_params, "PermissionsBoundary")
    if not boundary and ":role/" in arn and _given(query_params, "Action") != "CreateRole":
        boundary = boundary_of(arn)
    policy = _given(query_params, "PolicyArn")
    request_keys.set(
        ({"iam:permissionsboundary": boundary} if boundary else {}) | ({"iam:policyarn": policy} if policy else {})
    )
    return arn


def _read_ecr(arn: str, body: bytes, query_params: Mapping[str, object], region: str, account_id: str) -> str:  # noqa: ARG001
    registry = _json_object(body).get("registryId")
    return arn.replace(f":{account_id}:", f":{registry}:", 1) if registry else arn


def _read_codebuild(arn: str, body: bytes, query_params: Mapping[str, object], region: str, account_id: str) -> str:  # noqa: ARG001
    # "Actions, resources, and condition keys for AWS CodeBuild": what is about builds is decided on their projects.
    request, prefix = _json_object(body), f"arn:aws:codebuild:{region}:{account_id}:project/"
    given = request.get("ids") or request.get("names") or request.get("id") or []
    named = [given] if isinstance(given, str) else [str(one) for one in given] if isinstance(given, list) else []
    projects = list(dict.fromkeys(one.rpartition("/")[2].partition(":")[0] for one in named))
    if not projects:
        return arn
    action = "codebuild:BatchGetBuilds" if "ids" in request else "codebuild:BatchGetProjects"
    implied.set(tuple(Implied(action=action, resource=prefix + name) for name in projects[1:]))
    return prefix + projects[0]


def _read_kms(arn: str, body: bytes, query_params: Mapping[str, object], region: str, account_id: str) -> str:  # noqa: ARG001
    algorithm = _json_object(body).get("MacAlgorithm")
    if algorithm:
        request_keys.set({"kms:macalgorithm": str(algorithm)})
    return arn


def _read_ssm(arn: str, body: bytes, query_params: Mapping[str, object], region: str, account_id: str) -> str:  # noqa: ARG001
    # "Actions, resources, and condition keys for AWS Systems Manager": GetParameters is decided on each parameter, and
    # GetParametersByPath on the path, as if it were one.
    request, prefix = _json_object(body), f"arn:aws:ssm:{region}:{account_id}:parameter/"
    if path := request.get("Path"):
        return prefix + str(path).lstrip("/")
    names = request.get("Names")
    if not isinstance(names, list) or not names:
        return arn
    named = [str(name) if str(name).startswith("arn:") else prefix + str(name).lstrip("/") for name in names]
    implied.set(tuple(Implied(action="ssm:GetParameters", resource=parameter) for parameter in named[1:]))
    return named[0]


def _read_logs(arn: str, body: bytes, query_params: Mapping[str, object], region: str, account_id: str) -> str:  # noqa: ARG001
    request = _json_object(body)
    if "resourceArn" in request or ":log-group:" not in arn:
        return arn
    # "Amazon CloudWatch Logs resources": for all actions but those on tags, a group's ARN ends in ":*".
    stream = request.get("logStreamName")
    return f"{arn}:log-stream:{stream}" if stream and "logEvents" in request else f"{arn}:*"


def _read_events(arn: str, body: bytes, query_params: Mapping[str, object], region: str, account_id: str) -> str:  # noqa: ARG001
    # "Actions, resources, and condition keys for Amazon EventBridge": a rule of the default bus does not name it, and
    # PutEvents has the sources and the types of all its entries.
    entries = _json_object(body).get("Entries")
    listed = [entry for entry in entries if isinstance(entry, Mapping)] if isinstance(entries, list) else []
    for key, member in (("events:source", "Source"), ("events:detail-type", "DetailType")) if listed else ():
        said = sorted({str(entry.get(member, "")) for entry in listed})
        request_keys.set({**request_keys.get(), key: said})
    return arn.replace(":rule/default/", ":rule/", 1)


def _read_cloudwatch(
    arn: str,
    body: bytes,
    query_params: Mapping[str, object],
    region: str,  # noqa: ARG001
    account_id: str,  # noqa: ARG001
) -> str:
    namespace = (
        _given(query_params, "Namespace") or _json_object(body).get("Namespace") or _cbor_text(body, "Namespace")
    )
    if namespace:
        request_keys.set({"cloudwatch:namespace": str(namespace)})
    return arn


def _cbor_text(body: bytes, name: str) -> str:
    """A text of a CBOR map, the encoding in which today's clients send metrics; a map's first byte is 0xa0 to 0xbf."""
    if body[:1] not in _CBOR_MAP:
        return ""
    try:
        document = BaseCBORParser().parse_data_item(io.BufferedReader(io.BytesIO(body)))
    except (ValueError, IndexError, ResponseParserError):
        return ""
    return str(document.get(name, "")) if isinstance(document, dict) else ""


def _given(query_params: Mapping[str, object], name: str) -> str:
    value = query_params.get(name, "")
    return str(value[0] if isinstance(value, list) else value)


# What a request says beyond what the emulator reads in it, by service.
_REQUEST_READERS: Mapping[str, Callable[[str, bytes, Mapping[str, object], str, str], str]] = {
    "codebuild": _read_codebuild,
    "ec2": _read_ec2,
    "ecr": _read_ecr,
    "events": _read_events,
    "iam": _read_iam,
    "cloudformation": _read_cloudformation,
    "kms": _read_kms,
    "logs": _read_logs,
    "monitoring": _read_cloudwatch,
    "ssm": _read_ssm,
}


def _json_object(body: bytes) -> Mapping[str, object]:
    with contextlib.suppress(ValueError):
        request = json.loads(body or b"{}")
        if isinstance(request, dict):
            return request
    return {}
