"""A person's second factor: what ``AssumeRole`` with a device's serial number and code makes known to policies.

Source: IAM user guide, "Secure API access with MFA": the trust policy of a role sees ``aws:MultiFactorAuthPresent``
when a user assumes the role with the device that is assigned to that user, and so do the requests of the session.
The six digits themselves are not verified: no device of the rehearsal makes any.
"""

import contextvars
import re
import threading
from collections.abc import Mapping

from ministack.core import iam_evaluator
from ministack.services import iam, sts

from plumbline.rehearsal.enforcement.callers import Asked

_KEY = "aws:multifactorauthpresent"
_CODE = re.compile(r"\d{6}")
_USER = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):user/(?:.*/)?([^/]+)")
# The serial number of a request that names a device and has a code of it.
_device: contextvars.ContextVar[str] = contextvars.ContextVar("device", default="")
_shown: contextvars.ContextVar[bool] = contextvars.ContextVar("shown", default=False)
_sessions: set[str] = set()
# Requests, jobs and functions register sessions from threads of their own, and the emulator goes through all of them.
_registering = threading.Lock()
_own_register_session = sts.register_session
_own_principal_keys = iam_evaluator._principal_keys


def install() -> None:
    """Has the emulator of this process know second factors."""
    sts.register_session = _register_session
    iam_evaluator._principal_keys = _principal_keys


def note(serial: str, code: str) -> None:
    """Remembers what the request being served shows of a second factor."""
    _device.set(serial if _CODE.fullmatch(code) else "")
    _shown.set(False)


def see(caller_arn: str, asked: Asked) -> None:
    """Tells a trust policy of the caller's second factor, where the request shows the caller's own."""
    user = _USER.fullmatch(caller_arn)
    if not user or not _device.get():
        return
    device = iam._mfa_devices.get_scoped(user[1], None, _device.get())
    if isinstance(device, Mapping) and device.get("User") == user[2]:
        asked.service_context[_KEY] = "true"
        _shown.set(True)


def _register_session(access_key: str, session: dict[str, object]) -> None:
    with _registering:
        _own_register_session(access_key, session)
    if _shown.get():
        _sessions.add(access_key)
        _shown.set(False)


def _principal_keys(credential: object) -> dict[str, object]:
    keys: dict[str, object] = _own_principal_keys(credential)
    if getattr(credential, "access_key_id", None) in _sessions:
        keys[_KEY] = "true"
    return keys
