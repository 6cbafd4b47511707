"""The processes of Lambda's functions: what they trust, and that the end of one is the end of no other.

A function that reads an address with the standard library trusts what `SSL_CERT_FILE` names. The emulator hands on what
the person's machine trusts, which does not know of the rehearsal's authority; a function reaches nothing else.

Lambda gives each invocation that runs at the same time an environment of its own ("Understanding the Lambda execution
environment lifecycle", developer guide). The emulator does, too, but ends those of all when one breaks.
"""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

Variables = dict[str, str]

_own_acquire = lambda_svc.acquire_worker
_own_release = lambda_svc.release_worker
_own_invalidate = lambda_svc.invalidate_worker
# The process that the invocation of this thread runs in.
_leased = threading.local()


def register(authority: Path) -> None:
    """Has every function that the emulator of this process starts trust an authority, and break alone.

    Args:
        authority: The file with its certificate.
    """
    for module in (lambda_runtime, lambda_svc):
        module.execution_credentials = _trusting(module.execution_credentials, str(authority))
    lambda_svc.acquire_worker = _acquire
    lambda_svc.release_worker = _release
    lambda_svc.invalidate_worker = _invalidate


def _trusting(
    own: Callable[[Mapping[str, object]], Variables], authority: str
) -> Callable[[Mapping[str, object]], Variables]:
    def variables(config: Mapping[str, object]) -> Variables:
        # These come last into the environment of a function, so nothing that it is given hides them.
        return own(config) | {"SSL_CERT_FILE": authority}

    return variables


def _acquire(*words: Any, **named: Any) -> tuple[Any, str]:
    worker, reason = _own_acquire(*words, **named)
    _leased.worker = worker
    return worker, reason


def _release(worker: Any) -> None:
    _leased.worker = None
    _own_release(worker)


def _invalidate(*words: Any, **named: Any) -> None:
    """Ends a function's processes; from within an invocation, which has failed, only the one that it has run in."""
    worker = getattr(_leased, "worker", None)
    if worker is None:
        _own_invalidate(*words, **named)
        return
    with lambda_runtime._lock:
        for workers in lambda_runtime._workers.values():
            if worker in workers:
                workers.remove(worker)
    lambda_runtime.kill_workers([worker])
