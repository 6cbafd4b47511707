"""What a rule expects of a value, and the sentence when it is something else."""

import re
from collections.abc import Callable, Iterator

from plumbline.audit.json_value import Json
from plumbline.audit.rules.part import Part
from plumbline.audit.rules.rule import Violation
from plumbline.audit.rules.values import Possible, Unknown

_MANAGED_BY_AWS = re.compile(r"(^|[:/])alias/aws/")
_LONGEST = 80


def shown(value: Possible) -> str:
    """A value as a sentence names it."""
    if isinstance(value, Unknown):
        return f"cannot be worked out ({value.reason})"
    if value is None:
        return "missing"
    if isinstance(value, bool):
        return f"is {'true' if value else 'false'}"
    text = str(value) if value != "" else "empty"
    return f"is {text if len(text) <= _LONGEST else f'{text[: _LONGEST - 3]}...'}"


def wrong(part: Part, value: Possible, accepted: str, *, subject: str = "") -> Violation:
    """A violation by a value.

    Args:
        part: Where it stands.
        value: What is there, or may be there.
        accepted: What would be accepted, in words.
        subject: What of the resource a waiver has to name.
    """
    said = shown(value)
    verb = said if said.startswith(("is ", "cannot ")) else f"is {said}"
    return Violation(path=part.path, message=f"{part.name} {verb}; accepted: {accepted}.", subject=subject)


def must_be(part: Part, is_right: Callable[[Json], bool], accepted: str, *, subject: str = "") -> Iterator[Violation]:
    """Yields a violation unless all that a value may turn out to be is right; one that only deploying tells is not.

    Args:
        part: The value, and where it stands.
        is_right: Whether a known value is accepted; None is one that is missing.
        accepted: What is accepted, in words.
        subject: What of the resource a waiver has to name.
    """
    for value in part.possible:
        if isinstance(value, Unknown) or not is_right(value):
            yield wrong(part, value, accepted, subject=subject)
            return


def must_be_true(part: Part, *, subject: str = "") -> Iterator[Violation]:
    """Yields a violation unless a value is true, as CloudFormation takes it."""
    yield from must_be(part, is_true, "true", subject=subject)


def must_not_be_true(part: Part, *, subject: str = "") -> Iterator[Violation]:
    """Yields a violation if a value is, or may be, true."""
    yield from must_be(part, lambda value: not is_true(value), "false", subject=subject)


def must_be_one_of(part: Part, *accepted: str, subject: str = "") -> Iterator[Violation]:
    """Yields a violation unless a value is one of some texts."""
    yield from must_be(part, lambda value: str(value) in accepted, " or ".join(accepted), subject=subject)


def must_be_at_least(part: Part, least: int, *, unit: str = "", subject: str = "") -> Iterator[Violation]:
    """Yields a violation unless a value is a number of a least size."""
    accepted = f"at least {least}{unit}"
    yield from must_be(part, lambda value: (number(value) or 0) >= least, accepted, subject=subject)


def must_be_between(part: Part, least: int, most: int, *, unit: str = "", subject: str = "") -> Iterator[Violation]:
    """Yields a violation unless a value is a number between two, both included."""

    def fits(value: Json) -> bool:
        found = number(value)
        return found is not None and least <= found <= most

    yield from must_be(part, fits, f"{least} to {most}{unit}", subject=subject)


def must_be_given(part: Part, accepted: str, *, subject: str = "") -> Iterator[Violation]:
    """Yields a violation unless there is a value; one that is given on deploy counts as one.

    Args:
        part: The value, and where it stands.
        accepted: What is accepted, in words.
        subject: What of the resource a waiver has to name.
    """
    for value in part.possible:
        if not isinstance(value, Unknown) and value in (None, "", [], {}):
            yield wrong(part, value, accepted, subject=subject)
            return


def must_be_a_key(part: Part, *, subject: str = "") -> Iterator[Violation]:
    """Yields a violation unless a customer managed key is named; one that is given on deploy counts as one."""
    accepted = "a customer managed key"
    for value in part.possible:
        if isinstance(value, Unknown):
            continue
        if value in (None, "") or _MANAGED_BY_AWS.search(str(value)):
            yield wrong(part, value, accepted, subject=subject)
            return


def must_hold(part: Part, least: int, of: str, *, subject: str = "") -> Iterator[Violation]:
    """Yields a violation unless a list has some items; a list that is given on deploy counts as long enough.

    Args:
        part: The list, and where it stands.
        least: How many different items it must have.
        of: What the items are, in words.
        subject: What of the resource a waiver has to name.
    """
    if any(isinstance(value, Unknown) for value in part.possible):
        return
    found = len({item.text for item in part.items})
    if found < least:
        said = f"has {found}" if part.is_there else "is missing"
        message = f"{part.name} {said}; accepted: at least {least} {of}."
        yield Violation(path=part.path, message=message, subject=subject)


def must_be_in_a_vpc(part: Part, *, subject: str = "") -> Iterator[Violation]:
    """Yields a violation unless a VpcConfig names two subnets and a security group."""
    if not part.is_there:
        yield wrong(part, None, "two subnets and a security group", subject=subject)
        return
    yield from must_hold(part.at("Subnets"), 2, "subnets", subject=subject)
    yield from must_hold(part.at("SecurityGroupIds"), 1, "security group", subject=subject)


def is_true(value: Json) -> bool:
    """Whether a value is true, as CloudFormation takes it: it reads "true" as well."""
    return value is True or (isinstance(value, str) and value.lower() == "true")


def number(value: Possible) -> float | None:
    """A value as a number, as CloudFormation takes it: it reads "2" as well; None when it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def known_number(part: Part, default: float | None = None) -> float | None:
    """A number, where it is known; the default where nothing stands.

    Args:
        part: The value, and where it stands.
        default: What AWS takes where nothing stands.
    """
    if not part.is_there:
        return default
    return number(part.possible[0]) if len(part.possible) == 1 else None
