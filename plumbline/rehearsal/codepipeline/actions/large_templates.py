"""Templates that are larger than a request may be: CodePipeline hands them to CloudFormation otherwise than in one.

CloudFormation user guide, "Understand CloudFormation quotas": a template in a request has at most 51,200 bytes, one at
an address 1 MB. How CodePipeline hands over what it has unpacked from an artifact is its own affair; here it is in the
request, of which the emulator is told that this one may be larger.
"""

import contextlib
import threading
from collections.abc import Iterator

from ministack.services.cloudformation import changesets, handlers, helpers

_own_problem = helpers._template_body_problem
_admitted: list[str] = []
_lock = threading.Lock()


def install() -> None:
    """Has the emulator of this process admit such templates."""
    for module in (helpers, handlers, changesets):
        if hasattr(module, "_template_body_problem"):
            module._template_body_problem = _problem


@contextlib.contextmanager
def admitted(template: str) -> Iterator[None]:
    """Within the context, a request may have this template, whatever its size."""
    with _lock:
        _admitted.append(template)
    try:
        yield
    finally:
        with _lock:
            _admitted.remove(template)


def _problem(body: str) -> str | None:
    with _lock:
        if body in _admitted:
            return None
    problem: str | None = _own_problem(body)
    return problem
