"""What the process of a function of Lambda trusts: the rehearsal's certificate authority, and no other.

A function that reads an address with the standard library trusts what `SSL_CERT_FILE` names. The emulator hands on what
the person's machine trusts, which does not know of the rehearsal's authority; a function reaches nothing else.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

Variables = dict[str, str]


def register(authority: Path) -> None:
    """Has every function that the emulator of this process starts trust an authority.

    Args:
        authority: The file with its certificate.
    """
    for module in (lambda_runtime, lambda_svc):
        module.execution_credentials = _trusting(module.execution_credentials, str(authority))


def _trusting(
    own: Callable[[Mapping[str, object]], Variables], authority: str
) -> Callable[[Mapping[str, object]], Variables]:
    def variables(config: Mapping[str, object]) -> Variables:
        # These come last into the environment of a function, so nothing that it is given hides them.
        return own(config) | {"SSL_CERT_FILE": authority}

    return variables
