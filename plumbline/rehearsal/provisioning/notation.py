"""How the calls that CloudFormation makes for a resource are written down, and what they are for one resource.

A ``Handler`` says for one resource type which IAM actions creating, updating and deleting a resource of it take. A
resource's ARN and a condition key's value are templates: ``{BucketName}`` is that property, ``{Code.S3Key}`` one within
it, ``{name}`` the resource's name, ``{id}`` what ``Ref`` gives, ``{here}`` region and account, ``{item}`` what a
repeated call is for, ``{boundary}`` the permission boundary of the role that the call is about.
"""

import dataclasses
import enum
import re
from collections.abc import Iterator, Mapping

from plumbline.rehearsal.enforcement.condition_keys import boundary_of
from plumbline.rehearsal.enforcement.object_keys import arn_of_key

Properties = Mapping[str, object]
Keys = Mapping[str, str | list[str]]
_EVERY = "*"
_NOTHING: tuple[object, ...] = (None, "", [], {})
_FIELD = re.compile(r"\{([\w.]+)\}")


class When(enum.Enum):
    """When an update makes a call that is about a property."""

    CHANGED = enum.auto()
    ADDED = enum.auto()
    REMOVED = enum.auto()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Call:
    """One call, as a template.

    Attributes:
        action: The IAM action.
        on: The resource: an ARN, what follows ``arn:aws:`` in one, ``key:`` and any name of a KMS key, ``queue:`` and a
            queue's URL, ``function:`` and a function's name or ARN, or ``*``. Empty stands for the type's own resource.
        of: The property that makes the handler do it. Creation and deletion: it is given. Update: see ``when``. Empty
            for always.
        when: Whether an update does it for any change of that property, for what it adds, or for what it removes.
        each: A path into the properties, ``*`` walking a list; the call is made once for each value there.
        keys: Condition keys of the request. A value that begins with ``@`` is a path into the properties.
        tagged: Whether the request carries the resource's tags.
    """

    action: str
    on: str = ""
    of: str = ""
    when: When = When.CHANGED
    each: str = ""
    keys: Mapping[str, str] = dataclasses.field(default_factory=dict)
    tagged: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Handler:
    """The calls of one resource type.

    Attributes:
        on: The resource's own ARN, after ``arn:aws:``; ``*`` where the type's actions know no resources.
        name: The property that names the resource, empty where AWS invents the name.
        create: To create one.
        update: To change one in place.
        delete: To delete one.
        replacing: The properties whose change makes a new resource.
        system_tags: Whether CloudFormation tags the resource with its stack, ``cloudFormationSystemTags`` in the
            schema. It takes the action that tags even where the template has no tags.
    """

    on: str = _EVERY
    name: str = ""
    create: tuple[Call, ...] = ()
    update: tuple[Call, ...] = ()
    delete: tuple[Call, ...] = ()
    replacing: frozenset[str] = frozenset()
    system_tags: bool = True


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """One call for one resource, ready to be decided."""

    action: str
    resource: str
    keys: Keys


@dataclasses.dataclass(frozen=True, kw_only=True)
class Resource:
    """What templates are filled with.

    Attributes:
        properties: The resource's, resolved.
        account: Where it is.
        region: Where it is.
        name: Its name.
        id: What ``Ref`` gives; empty before it is created.
    """

    properties: Properties
    account: str
    region: str
    name: str
    id: str = ""


def calls(
    *actions: str,
    on: str = "",
    of: str = "",
    when: When = When.CHANGED,
    each: str = "",
    keys: Mapping[str, str] | None = None,
) -> tuple[Call, ...]:
    """Calls that differ in nothing but the action; see ``Call``."""
    return tuple(Call(action=action, on=on, of=of, when=when, each=each, keys=keys or {}) for action in actions)


def tagged(*actions: str, on: str = "", of: str = "", keys: Mapping[str, str] | None = None) -> tuple[Call, ...]:
    """Calls whose requests carry the resource's tags."""
    return tuple(dataclasses.replace(call, tagged=True) for call in calls(*actions, on=on, of=of, keys=keys))


def passes(path: str, *, to: str) -> tuple[Call, ...]:
    """The call that is no call: handing the roles at a path of the properties to a service."""
    return calls("iam:PassRole", on="{item}", of=path.partition(".")[0], each=path, keys={"iam:PassedToService": to})


def uses_key(path: str, *actions: str, through: str = "") -> tuple[Call, ...]:
    """What a service asks of the key at a path of the properties, in its caller's name.

    Args:
        path: Where the key is named.
        actions: The actions on the key.
        through: The service's name before ``.{region}.amazonaws.com``; empty for a request of the caller's own.
    """
    keys: dict[str, str] = {"kms:ViaService": f"{through}.{{region}}.amazonaws.com"} if through else {}
    grant = {"kms:GrantIsForAWSResource": "true"}
    return tuple(
        Call(
            action=action,
            on="key:{item}",
            of=path.partition(".")[0],
            each=path,
            keys=keys | (grant if action == "kms:CreateGrant" else {}),
        )
        for action in actions
    )


def creation(handler: Handler, resource: Resource) -> Iterator[Request]:
    """What creating a resource takes, and can be decided before it has an id."""
    yield from _given(handler.create, handler, resource, of_id=False)


def completion(handler: Handler, resource: Resource) -> Iterator[Request]:
    """What creating a resource takes once it has an id."""
    yield from _given(handler.create, handler, resource, of_id=True)


def deletion(handler: Handler, resource: Resource) -> Iterator[Request]:
    """What deleting a resource takes."""
    for of_id in (False, True):
        yield from _given(handler.delete, handler, resource, of_id=of_id)


def change(handler: Handler, resource: Resource, old: Properties) -> Iterator[Request]:
    """What changing a resource in place takes.

    Args:
        handler: The calls of its type.
        resource: As it is to be.
        old: The properties that it has.
    """
    new = resource.properties
    changed = changed_properties(old, new)
    before = dataclasses.replace(resource, properties=old)
    for call in handler.update:
        if call.of and call.of not in changed:
            continue
        subject = before if call.when is When.REMOVED else resource
        items = values(subject.properties, call.each) if call.each else [""]
        if call.when is not When.CHANGED:
            other = values((new if call.when is When.REMOVED else old), call.each or call.of)
            items = [item for item in items if item not in other] if call.each else ([] if other else items)
        yield from (_request(call, handler, subject, str(item)) for item in items)


def changed_properties(old: Properties, new: Properties) -> frozenset[str]:
    """The properties that an update sets, changes or takes away."""
    return frozenset(name for name in {*old, *new} if old.get(name) != new.get(name))


def values(properties: object, path: str) -> list[object]:
    """What stands at a path, such as ``Targets.*.RoleArn``."""
    found: list[object] = [properties]
    for part in path.split("."):
        if part == "*":
            found = [item for value in found if isinstance(value, list) for item in value]
        else:
            found = [value[part] for value in found if isinstance(value, Mapping) and value.get(part) not in _NOTHING]
    return found


def _given(made: tuple[Call, ...], handler: Handler, resource: Resource, *, of_id: bool) -> Iterator[Request]:
    for call in made:
        needs_id = any("{id}" in template for template in (call.on or handler.on, *call.keys.values()))
        if needs_id is of_id and (not call.of or values(resource.properties, call.of)):
            items = values(resource.properties, call.each) if call.each else [""]
            yield from (_request(call, handler, resource, str(item)) for item in items)


def _request(call: Call, handler: Handler, resource: Resource, item: str) -> Request:
    known = _known(resource) | {"item": item}
    arn = _arn(_filled(call.on or handler.on, resource, known), known)
    known["boundary"] = (boundary_of(arn) if ":role/" in arn else "") or str(
        resource.properties.get("PermissionsBoundary", "")
    )
    keys = {key: _value(template, resource, known) for key, template in call.keys.items()}
    if call.tagged:
        keys |= _tag_keys(resource.properties)
    return Request(action=call.action, resource=arn, keys={key: value for key, value in keys.items() if value})


def _known(resource: Resource) -> dict[str, str]:
    bus = str(resource.properties.get("EventBusName", "default")).rpartition("/")[2]
    # Services of other accounts lie below com.amazonaws.vpce (AWS PrivateLink guide, "Create an endpoint service").
    service = str(resource.properties.get("ServiceName", ""))
    is_of_aws = service.startswith("com.amazonaws.") and not service.startswith("com.amazonaws.vpce.")
    return {
        "account": resource.account,
        "region": resource.region,
        "here": f"{resource.region}:{resource.account}",
        "name": resource.name,
        "id": resource.id,
        # as ARNs have them: a path has its slashes, a parameter none before it, a rule its bus if that is another
        "path": str(resource.properties.get("Path", "/")),
        "parameter": resource.name.removeprefix("/"),
        "bus": bus,
        "service_owner": "amazon" if is_of_aws else "",
        "rule": resource.name if bus == "default" else f"{bus}/{resource.name}",
    }


def _filled(template: str, resource: Resource, known: Mapping[str, str]) -> str:
    def value(field: re.Match[str]) -> str:
        if field[1] in known:
            return known[field[1]]
        return "".join(str(found) for found in values(resource.properties, field[1]))

    return _FIELD.sub(value, template)


def _arn(filled: str, known: Mapping[str, str]) -> str:
    kind, _, name = filled.partition(":")
    if kind == "key":
        return arn_of_key(name)
    if kind == "queue":
        return f"arn:aws:sqs:{known['here']}:{name.rpartition('/')[2]}"
    if kind == "function":
        return name if name.startswith("arn:") else f"arn:aws:lambda:{known['here']}:function:{name}"
    return filled if filled == _EVERY or kind == "arn" else f"arn:aws:{filled}"


def _value(template: str, resource: Resource, known: Mapping[str, str]) -> str | list[str]:
    if template.startswith("@"):
        return [str(value) for value in values(resource.properties, template[1:])]
    return _filled(template, resource, known)


def _tag_keys(properties: Properties) -> dict[str, str | list[str]]:
    """The keys of the tags in a request. Those that CloudFormation adds of itself, ``aws:…``, are none of them."""
    tags = properties.get("Tags") or []
    pairs = tags.items() if isinstance(tags, Mapping) else ((tag["Key"], tag["Value"]) for tag in _listed(tags))
    own = {str(name): str(value) for name, value in pairs if not str(name).startswith("aws:")}
    return {f"aws:RequestTag/{name}": value for name, value in own.items()} | (
        {"aws:TagKeys": sorted(own)} if own else {}
    )


def _listed(tags: object) -> list[Mapping[str, object]]:
    return [tag for tag in tags if isinstance(tag, Mapping)] if isinstance(tags, list) else []
