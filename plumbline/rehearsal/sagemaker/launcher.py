"""What runs first inside a container's namespaces: it makes the place look like a container, then becomes the program.

A script of its own, run with ``python -I -S`` by :mod:`plumbline.rehearsal.sagemaker.containers`; it imports the
standard library alone. Its one argument is a JSON object: ``mounts`` (what is shown below /opt: path → folder of the
machine, parents first), ``scratch`` (an empty folder), ``view`` (paths of the machine, parents first, each ``hidden``,
``read-only`` or ``writable``), ``network`` (whether the namespace has its own, with loopback alone), ``socket`` and
``port`` (a unix socket to forward to a port of the namespace; may be null), ``directory`` and ``command``.
"""

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import socket
import struct
import sys
import threading

_PRIVATE, _BIND, _RECURSIVE = 1 << 18, 1 << 12, 1 << 14
# mount_setattr(2), which has this number on every architecture, and its arguments
_MOUNT_SETATTR, _HERE, _WHOLE_TREE, _READ_ONLY = 442, -100, 0x8000, 1
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 1
_LIBC = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Prepares the namespaces and replaces itself by the command; never returns."""
    plan = json.loads(sys.argv[1])
    _mount("none", "/", None, _RECURSIVE | _PRIVATE)
    # Opened before anything is covered: a descriptor still leads to what lies below.
    view = [(path, kind, -1 if kind == "hidden" else os.open(path, os.O_PATH)) for path, kind in plan["view"].items()]
    for path, kind, handle in view:
        if kind != "hidden":
            _show(path, handle)
        elif os.path.isdir(path):  # noqa: PTH112 - pathlib would double the start-up time of this script
            _mount("tmpfs", path, "tmpfs", 0)
        if kind == "read-only":
            _make_read_only(path)
    _show_mounts(plan["mounts"], plan["scratch"])
    # The processes of this namespace, which alone may be seen. A machine that is itself a container may forbid it: then
    # those of the machine stay in sight, under numbers that mean nothing here.
    with contextlib.suppress(OSError):
        _mount("proc", "/proc", "proc", 0)
    if plan["network"]:
        _raise_loopback()
    if plan["socket"] and os.fork() == 0:
        _forward(plan["socket"], plan["port"])
    os.chdir(plan["directory"])
    command = plan["command"]
    try:
        os.execvp(command[0], command)  # noqa: S606 - a container's entry point, as its image names it
    except OSError as error:
        sys.stderr.write(f"exec: {command[0]}: {error.strerror}\n")
        sys.exit(127)


def _show_mounts(mounts: dict[str, str], scratch: str) -> None:
    """Binds folders below /opt; what does not exist there is made in a copy of /opt, itself made of bind mounts."""
    missing = [path for path in mounts if not os.path.isdir(path) and os.path.dirname(path) == "/opt"]  # noqa: PTH112, PTH120
    if missing:
        _copy_opt(scratch, missing)
    for path, folder in mounts.items():
        _mount(folder, path, None, _BIND | _RECURSIVE)


def _copy_opt(scratch: str, missing: list[str]) -> None:
    _mount("tmpfs", scratch, "tmpfs", 0)
    for entry in os.scandir("/opt"):
        copy = f"{scratch}/{entry.name}"
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), copy)  # noqa: PTH115, PTH211
            continue
        if entry.is_dir():
            os.mkdir(copy)  # noqa: PTH102
        else:
            os.close(os.open(copy, os.O_CREAT))
        _mount(entry.path, copy, None, _BIND | _RECURSIVE)
    for path in missing:
        os.mkdir(f"{scratch}/{os.path.basename(path)}")  # noqa: PTH102, PTH119
    _mount(scratch, "/opt", None, _BIND | _RECURSIVE)


def _make_read_only(path: str) -> None:
    """Makes a mounted file, or a mounted folder with what is mounted below it, read-only.

    A kernel before 5.12 cannot, and leaves it as it is.
    """
    attributes = struct.pack("4Q", _READ_ONLY, 0, 0, 0)
    done = _LIBC.syscall(_MOUNT_SETATTR, _HERE, path.encode(), _WHOLE_TREE, attributes, len(attributes))
    if done != 0 and ctypes.get_errno() != errno.ENOSYS:
        number = ctypes.get_errno()
        raise OSError(number, f"read-only {path}: {os.strerror(number)}")


def _show(path: str, handle: int) -> None:
    """Mounts an opened file or folder on its own path, also where something has covered it meanwhile."""
    if os.path.isdir(f"/proc/self/fd/{handle}"):  # noqa: PTH112
        os.makedirs(path, exist_ok=True)  # noqa: PTH103
    elif not os.path.exists(path):  # noqa: PTH110
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
        os.close(os.open(path, os.O_CREAT))
    _mount(f"/proc/self/fd/{handle}", path, None, _BIND | _RECURSIVE)
    os.close(handle)


def _mount(source: str, target: str, kind: str | None, flags: int) -> None:
    encoded = kind.encode() if kind else None
    if _LIBC.mount(source.encode(), target.encode(), encoded, flags, None) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"mount {source} on {target}: {os.strerror(number)}")


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        answer = fcntl.ioctl(handle, _GET_FLAGS, struct.pack("16sh14x", b"lo", 0))
        flags = struct.unpack("16sh14x", answer)[1]
        fcntl.ioctl(handle, _SET_FLAGS, struct.pack("16sh14x", b"lo", flags | _UP))


def _forward(path: str, port: int) -> None:
    """Carries connections of a unix socket to a port of this namespace, for as long as the namespace lives."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen(128)
    while True:
        outer, _ = listener.accept()
        threading.Thread(target=_carry, args=(outer, port), daemon=True).start()


def _carry(outer: socket.socket, port: int) -> None:
    with outer, contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as inner:
        back = threading.Thread(target=_copy, args=(inner, outer), daemon=True)
        back.start()
        _copy(outer, inner)
        back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


main()
