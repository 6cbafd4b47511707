"""Operators that open a policy."""

from collections.abc import Iterator

from plumbline.audit.json_value import Json, as_list, as_object
from tests.plumbline.audit.mutations.document import Change, Location, Place
from tests.plumbline.audit.mutations.operator import Operator, drop, put

_ANYONE: Json = {"AWS": "*"}
_EVERYONE = ("*", {"AWS": "*"}, {"AWS": ["*"]})
_NOBODY = "000000000000"
_ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
_ALL_OF_SAGEMAKER = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"


def _effect(place: Place | None) -> Json:
    """`Allow` or `Deny` where a statement stands; none elsewhere."""
    statement = as_object(place.value) if place is not None else {}
    return statement.get("Effect") if statement.keys() & {"Action", "NotAction"} else None


def _condition_dropped(place: Place, effect: str) -> Iterator[tuple[Change, ...]]:
    operator = place.above
    block = operator.above if operator is not None else None
    if operator is None or block is None or block.key != "Condition" or _effect(block.above) != effect:
        return
    for emptied in (place, operator, block):
        holder = as_object(emptied.above.value) if emptied.above is not None else {}
        if len(holder) > 1 or emptied is block:
            yield drop(emptied.path)
            return


def _condition_of_allow_dropped(place: Place) -> Iterator[tuple[Change, ...]]:
    yield from _condition_dropped(place, "Allow")


def _condition_of_deny_dropped(place: Place) -> Iterator[tuple[Change, ...]]:
    yield from _condition_dropped(place, "Deny")


def _deny_dropped(place: Place) -> Iterator[tuple[Change, ...]]:
    if _effect(place) == "Deny":
        yield drop(place.path)


def _deny_made_idle(place: Place) -> Iterator[tuple[Change, ...]]:
    """A condition that no request fulfils, beside those that are there."""
    if _effect(place) == "Deny":
        condition = as_object(as_object(place.value).get("Condition"))
        equal = {**as_object(condition.get("StringEquals")), "aws:PrincipalAccount": _NOBODY}
        yield put((*place.path, "Condition"), {**condition, "StringEquals": equal})


def _items(place: Place, key: str) -> Iterator[tuple[Location, Json]]:
    """The items of a statement's list, or what stands for a list of one."""
    held = as_object(place.value).get(key)
    if isinstance(held, list):
        yield from (((*place.path, key, index), item) for index, item in enumerate(held))
    elif held is not None:
        yield (*place.path, key), held


def _action_widened_to_service(place: Place) -> Iterator[tuple[Change, ...]]:
    if _effect(place) == "Allow":
        for path, action in _items(place, "Action"):
            if isinstance(action, str) and ":" in action and not action.endswith(":*"):
                yield put(path, f"{action.partition(':')[0]}:*")


def _action_widened_to_all(place: Place) -> Iterator[tuple[Change, ...]]:
    if _effect(place) == "Allow" and as_object(place.value).get("Action") not in (None, "*", ["*"]):
        yield put((*place.path, "Action"), "*")


def _resource_widened_to_all(place: Place) -> Iterator[tuple[Change, ...]]:
    if _effect(place) == "Allow":
        for path, resource in _items(place, "Resource"):
            if resource != "*":
                yield put(path, "*")


def _resource_widened_to_folder(place: Place) -> Iterator[tuple[Change, ...]]:
    if _effect(place) == "Allow":
        for path, resource in _items(place, "Resource"):
            wider = _cut(resource)
            if wider != resource:
                yield put(path, wider)


def _cut(resource: Json) -> Json:
    """A resource's ARN with all behind its last `/` left open, or what is left of it when nothing stands there."""
    if isinstance(resource, str):
        whole = resource.removesuffix("/*").rstrip("*")
        folder, slash, _ = whole.rpartition("/")
        return f"{folder}/*" if slash else resource
    inner = as_object(resource).get("Fn::Sub")
    if isinstance(inner, str):
        return {"Fn::Sub": _cut(inner)}
    joined = as_object(resource).get("Fn::Join")
    if isinstance(joined, list) and isinstance(joined[1], list) and isinstance(joined[1][-1], str):
        return {"Fn::Join": [joined[0], [*joined[1][:-1], _cut(joined[1][-1])]]}
    return resource


def _principal_widened(place: Place) -> Iterator[tuple[Change, ...]]:
    principal = as_object(place.value).get("Principal")
    if _effect(place) == "Allow" and principal is not None and principal not in _EVERYONE:
        yield put((*place.path, "Principal"), _ANYONE)


def _endpoint_policy_opened(place: Place) -> Iterator[tuple[Change, ...]]:
    if place.type == "AWS::EC2::VPCEndpoint" and place.key == "PolicyDocument":
        open_to_all: Json = {"Effect": "Allow", "Principal": _ANYONE, "Action": "*", "Resource": "*"}
        yield put(place.path, {"Version": "2012-10-17", "Statement": [open_to_all]})


def _bucket_policy_dropped(place: Place) -> Iterator[tuple[Change, ...]]:
    if place.above is None and place.type in (
        "AWS::S3::BucketPolicy",
        "AWS::SNS::TopicPolicy",
        "AWS::SQS::QueuePolicy",
    ):
        yield drop(place.path)


def _managed_policy_attached(arn: str, place: Place) -> Iterator[tuple[Change, ...]]:
    if place.type == "AWS::IAM::Role" and place.key == "Properties":
        attached = as_list(as_object(place.value).get("ManagedPolicyArns"))
        if arn not in attached:
            yield put((*place.path, "ManagedPolicyArns"), [*attached, arn])


def _administrator_attached(place: Place) -> Iterator[tuple[Change, ...]]:
    yield from _managed_policy_attached(_ADMINISTRATOR, place)


def _all_of_sagemaker_attached(place: Place) -> Iterator[tuple[Change, ...]]:
    yield from _managed_policy_attached(_ALL_OF_SAGEMAKER, place)


POLICIES = (
    Operator(name="condition-of-allow-dropped", mutate=_condition_of_allow_dropped),
    Operator(name="condition-of-deny-dropped", mutate=_condition_of_deny_dropped),
    Operator(name="deny-dropped", mutate=_deny_dropped),
    Operator(name="deny-made-idle", mutate=_deny_made_idle),
    Operator(name="action-widened-to-service", mutate=_action_widened_to_service),
    Operator(name="action-widened-to-all", mutate=_action_widened_to_all),
    Operator(name="resource-widened-to-all", mutate=_resource_widened_to_all),
    Operator(name="resource-widened-to-folder", mutate=_resource_widened_to_folder),
    Operator(name="principal-widened", mutate=_principal_widened),
    Operator(name="endpoint-policy-opened", mutate=_endpoint_policy_opened),
    Operator(name="resource-policy-dropped", mutate=_bucket_policy_dropped),
    Operator(name="administrator-attached", mutate=_administrator_attached),
    Operator(name="all-of-sagemaker-attached", mutate=_all_of_sagemaker_attached),
)
