"""What stands in an account, told in digests and names, so that before and after can be compared."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from plumbline.configuration import Deployment, Model, Placement
from plumbline.rehearsal import releasing
from plumbline.rehearsal.assembly import submitted_digest
from plumbline.rehearsal.cloud import Cloud
from plumbline.rehearsal.people import People
from plumbline.rehearsal.release import Served
from plumbline.rehearsal.session import Client


@dataclasses.dataclass(frozen=True, kw_only=True)
class Standing:
    """What stands in some accounts.

    Attributes:
        templates: SHA-256 of each stack's template, by the stack's name.
        values: The SSM parameters, by their names; among them the commit of each environment.
        endpoints: What each endpoint serves, by its name.
    """

    templates: Mapping[str, str]
    values: Mapping[str, str]
    endpoints: Mapping[str, Served]

    def differences(self, later: "Standing") -> tuple[str, ...]:
        """What is otherwise later, each in a few words; nothing when all is as it was.

        Args:
            later: The same accounts, looked at later.
        """
        return (
            *_differences("the template of ", self.templates, later.templates),
            *_differences("", self.values, later.values),
            *_differences("", _flat(self.endpoints), _flat(later.endpoints)),
        )


def look(*, cloud: Cloud, people: People, models: Sequence[Model], at: Iterable[Placement]) -> Standing:
    """Looks at what stands.

    Args:
        cloud: The cloud.
        people: Its people.
        models: The models that are served.
        at: The environments, and delivery, to look at.
    """
    templates: dict[str, str] = {}
    values: dict[str, str] = {}
    endpoints: dict[str, Served] = {}
    for placement in at:
        caller = cloud.administrator(placement.account)
        for stack in _stacks(caller.client("cloudformation"), placement.prefix):
            templates[stack] = submitted_digest(stack, caller)
        values |= _values(caller.client("ssm"), placement.parameter(""))
        if isinstance(placement, Deployment) and placement.serves:
            for model in models:
                served = releasing.served(cloud=cloud, people=people, model=model, deployment=placement)
                endpoints[served.endpoint] = served
    return Standing(templates=templates, values=values, endpoints=endpoints)


def _stacks(client: Client, prefix: str) -> list[str]:
    pages = client.get_paginator("describe_stacks").paginate()
    names = [str(stack["StackName"]) for page in pages for stack in page["Stacks"]]
    return sorted(name for name in names if name == prefix or name.startswith(f"{prefix}-"))


def _values(client: Client, path: str) -> dict[str, str]:
    pages = client.get_paginator("get_parameters_by_path").paginate(Path=path.rstrip("/"), Recursive=True)
    return {str(one["Name"]): str(one["Value"]) for page in pages for one in page["Parameters"]}


def _flat(endpoints: Mapping[str, Served]) -> dict[str, str]:
    return {
        f"the {what.replace('_', ' ')} of {name}": value
        for name, served in endpoints.items()
        for what, value in dataclasses.asdict(served).items()
    }


def _differences(of: str, before: Mapping[str, str], after: Mapping[str, str]) -> Iterable[str]:
    for name in sorted({*before, *after}):
        if name not in before:
            yield f"{of}{name} is new"
        elif name not in after:
            yield f"{of}{name} is gone"
        elif before[name] != after[name]:
            yield f"{of}{name} has changed"
