"""The patterns of SageMaker's model, which are written for Java, in Python's words."""

import functools
import itertools
import re
import sys
import unicodedata
from collections.abc import Mapping

# POSIX classes, which in Java are of ASCII alone; as they stand within brackets.
_POSIX = {"Alnum": "a-zA-Z0-9", "ASCII": r"\x00-\x7f", "Print": r"\x20-\x7e"}
_CLASS = re.compile(r"\\p\{(\w+)\}")
_BRACKETS = re.compile(r"\[(?:\\.|[^\\\]])*\]|\\p\{\w+\}")
_REWRITTEN = {
    # all characters outside the Basic Multilingual Plane, by the two halves that Java sees
    r"\uD800\uDC00-\uDBFF\uDFFF": r"\U00010000-\U0010FFFF",
    r"\z": r"\Z",
}
# An end that is to be met several times at once, which it is: customer metadata have it for a length.
_REPEATED_END = re.compile(r"\$\{\d+,\d+\}")


@functools.cache
def python_pattern(pattern: str) -> re.Pattern[str]:
    """A pattern of the model, to be matched against the whole of a value.

    Args:
        pattern: As the model has it.

    Raises:
        re.error: Python has no word for something in it.
        KeyError: It has a class that is not known here.
    """
    rewritten = _REPEATED_END.sub("$", pattern)
    for java, python in _REWRITTEN.items():
        rewritten = rewritten.replace(java, python)
    # Java's word, digit and blank classes are of ASCII alone; where the model wants more, it has a Unicode class.
    return re.compile(_BRACKETS.sub(_spelt_out, rewritten), re.DOTALL | re.ASCII)


def _spelt_out(found: re.Match[str]) -> str:
    text = found.group()
    inner = _CLASS.sub(lambda named: _members(named.group(1)), text)
    return f"[{inner}]" if text.startswith("\\p") else inner


def _members(name: str) -> str:
    return _POSIX[name] if name in _POSIX else _categories()[name]


@functools.cache
def _categories() -> Mapping[str, str]:
    """The characters of each Unicode category that has a one-letter name, as ranges."""
    ranges: dict[str, list[str]] = {}
    first = 0
    for category, run in itertools.groupby(unicodedata.category(chr(code))[0] for code in range(sys.maxunicode + 1)):
        last = first + sum(1 for _ in run) - 1
        ranges.setdefault(category, []).append(f"\\U{first:08X}-\\U{last:08X}")
        first = last + 1
    return {category: "".join(found) for category, found in ranges.items()}
