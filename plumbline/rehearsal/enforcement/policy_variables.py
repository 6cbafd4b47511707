"""Variables in policies, such as ``${aws:PrincipalAccount}``: what the emulator takes as plain text.

Source: IAM user guide, "IAM policy elements: Variables and tags". A variable stands in a resource and in the value of
a condition. One that the request has no single value for matches nothing.
"""

import re
from collections.abc import Mapping

from ministack.core import iam_evaluator

from plumbline.rehearsal.enforcement.callers import Asked

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
# "Special characters": these stand for themselves. In a pattern a character for private use keeps a wildcard's place.
_LITERAL: Mapping[str, str] = {"*": "\ue000", "?": "\ue001", "$": "$"}
_PLACES = {place: re.escape(wildcard) for wildcard, place in _LITERAL.items() if place != wildcard}
# No ARN and no value of a key has it.
_UNRESOLVED = "\0"
_own_conditions_met = iam_evaluator._conditions_met
_own_first_match = iam_evaluator._first_match
_own_compile = iam_evaluator._fnmatch_compile

Statement = object


def install() -> None:
    """Has the emulator of this process resolve variables wherever it evaluates a statement."""
    iam_evaluator._conditions_met = _conditions_met
    iam_evaluator._first_match = _first_match
    iam_evaluator._fnmatch_compile = _compile


def resolved(text: str, asked: Asked, *, pattern: bool = True) -> str:
    """A text of a policy with its variables resolved for one request; ``${key, 'default'}`` knows a default.

    Args:
        text: The text.
        asked: The request.
        pattern: Whether ``*`` and ``?`` mean something in the text.
    """

    def value(found: re.Match[str]) -> str:
        name, _, default = found[1].partition(",")
        if name in _LITERAL:
            return _LITERAL[name] if pattern else name
        known = iam_evaluator._resolve_condition_key(name.strip(), asked)
        if known is None or isinstance(known, list):
            return default.strip().strip("'") or _UNRESOLVED
        return str(known)

    return _VARIABLE.sub(value, text) if "${" in text else text


def _conditions_met(conditions: Mapping[str, object], asked: Asked) -> bool:
    met: bool = _own_conditions_met(
        {
            operator: {
                key: _resolved_values(values, asked, pattern="Like" in operator or "Arn" in operator)
                for key, values in keys.items()
            }
            for operator, keys in (conditions or {}).items()
            if isinstance(keys, Mapping)
        },
        asked,
    )
    return met


def _resolved_values(values: object, asked: Asked, *, pattern: bool) -> object:
    if isinstance(values, str):
        return resolved(values, asked, pattern=pattern)
    if isinstance(values, list):
        return [_resolved_values(value, asked, pattern=pattern) for value in values]
    return values


def _compile(pattern: str, ignore_case: bool) -> re.Pattern[str]:
    """The emulator's pattern, in which characters that keep a place match what they stand for."""
    compiled: re.Pattern[str] = _own_compile(pattern, ignore_case)
    if pattern.isascii():
        return compiled
    return re.compile("".join(_PLACES.get(character, character) for character in compiled.pattern), compiled.flags)


def _first_match(asked: Asked, statements: list[Statement], effect: str) -> Statement | None:
    def for_request(statement: Statement) -> Statement:
        texts = [*getattr(statement, "resources", []), *getattr(statement, "not_resources", [])]
        if not any("${" in text for text in texts):
            return statement
        copy = iam_evaluator.ParsedStatement(**vars(statement))
        copy.resources = [resolved(text, asked) for text in copy.resources]
        copy.not_resources = [resolved(text, asked) for text in copy.not_resources]
        return copy

    found: Statement | None = _own_first_match(asked, [for_request(statement) for statement in statements], effect)
    return found
