"""Where the kernel gives no namespace: refuses, inside a Python process, every socket that leaves the machine.

Weaker than a namespace: a program that is no Python, or that takes this module away, is not held.
"""

import ipaddress
import socket
from typing import Any

_connect, _connect_ex = socket.socket.connect, socket.socket.connect_ex


def _check(handle: socket.socket, address: Any) -> None:  # what a socket's address is depends on its family
    if handle.family not in (socket.AF_INET, socket.AF_INET6):
        return
    host = str(address[0])
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    if not loopback:
        raise OSError(101, f"network isolation: {host} is not reachable from this container")


def _guarded_connect(handle: socket.socket, address: Any) -> None:
    _check(handle, address)
    _connect(handle, address)


def _guarded_connect_ex(handle: socket.socket, address: Any) -> int:
    _check(handle, address)
    return _connect_ex(handle, address)


socket.socket.connect = _guarded_connect  # type: ignore[method-assign, assignment]
socket.socket.connect_ex = _guarded_connect_ex  # type: ignore[method-assign, assignment]
