"""The values that conditions of a template compare, resolved as everywhere else in it.

MiniStack compares what ``Fn::Join`` and other functions are written as, not what they give: a condition of CDK's
bootstrap template, "the list of trusted accounts is not empty", is then always true.

Source: CloudFormation user guide, "Condition functions": a value is a literal, or what ``Ref``, ``Fn::FindInMap`` and
the string functions give.
"""

from collections.abc import Mapping

from ministack.services.cloudformation import changesets, engine, handlers, stacks

_own = engine._evaluate_conditions
_CONDITIONS = frozenset({"Condition", "Fn::And", "Fn::Equals", "Fn::Not", "Fn::Or"})


def install() -> None:
    """Has the emulator of this process resolve such values."""
    for module in (engine, stacks, changesets, handlers):
        module._evaluate_conditions = evaluate


def evaluate(template: Mapping[str, object], parameters: Mapping[str, object]) -> dict[str, bool]:
    """Every condition of a template, by name.

    Args:
        template: The template.
        parameters: Its parameters' values, as the emulator keeps them.
    """
    conditions = template.get("Conditions")
    mappings = template.get("Mappings", {})
    resolved = _resolved(conditions if isinstance(conditions, Mapping) else {}, parameters, mappings)
    found: dict[str, bool] = _own({**template, "Conditions": resolved}, parameters)
    return found


def _resolved(expression: object, parameters: Mapping[str, object], mappings: object) -> object:
    """A condition whose compared values are literals."""
    if isinstance(expression, list):
        return [_resolved(part, parameters, mappings) for part in expression]
    if not isinstance(expression, Mapping):
        return expression
    (function, *others) = expression or [""]
    if others or function in _CONDITIONS or not (function == "Ref" or str(function).startswith("Fn::")):
        return {name: _resolved(part, parameters, mappings) for name, part in expression.items()}
    value = engine._resolve_refs(expression, {}, parameters, {}, mappings, "", "")
    return ",".join(map(str, value)) if isinstance(value, list) else value
