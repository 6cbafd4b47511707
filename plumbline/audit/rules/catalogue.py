"""Every rule, in the order of the report."""

from types import ModuleType

from plumbline.audit.rules.areas import (
    buckets,
    delivery,
    endpoints,
    events,
    functions,
    identities,
    keys,
    logs,
    models,
    monitoring,
    networks,
    notebooks,
    pipelines,
    registry,
    repositories,
    secrets,
    state,
    stores,
    whole,
)
from plumbline.audit.rules.rule import Rule


def _of(module: ModuleType) -> tuple[Rule, ...]:
    return tuple(value for value in vars(module).values() if isinstance(value, Rule))


RULES: tuple[Rule, ...] = tuple(
    rule
    for module in (
        models,
        pipelines,
        registry,
        endpoints,
        monitoring,
        notebooks,
        stores,
        identities,
        keys,
        buckets,
        networks,
        state,
        repositories,
        logs,
        events,
        functions,
        delivery,
        secrets,
        whole,
    )
    for rule in _of(module)
)
