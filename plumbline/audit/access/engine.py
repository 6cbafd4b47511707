"""The policy simulator behind the matrix, in a process of its own.

It is AGPL-3.0 and therefore neither imported nor vendored, and nothing that is deployed needs it (docs/adr/0006).
"""

import contextlib
import fcntl
import json
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypedDict

from plumbline.audit.access.landscape import Policy
from plumbline.audit.access.simulation import Decision, Reason, Simulation
from plumbline.errors import PlumblineError
from plumbline.toolchain import NODE_FOLDER, tool_environment

_FOLDER = Path(__file__).parent / "engine"
_PACKAGES = _FOLDER / "node_modules"
# Two things that the simulator reads otherwise than IAM does, written as it reads them (docs/adr/0006). It knows no key
# of the form service:name:variable, so that an encryption context travels as a tag of the request; and it compares the
# part of a resource before the first slash without wildcards, where a pipeline's name is.
_ENCRYPTION_CONTEXT, _CARRIER = "kms:EncryptionContext:", "aws:RequestTag/kms:EncryptionContext:"
_PARTS_OF_PIPELINES = re.compile(r'("arn:[^:"]*:codepipeline:[^"/]*\*)(?:/\*)+"')
_KINDS = {"pb": "boundary", "scp": "organization", "vpce": "endpoint"}


class _Reason(TypedDict):
    kind: str
    type: str
    policy: str | None
    statement: str | None


class _Answer(TypedDict, total=False):
    error: str
    result: str
    ignored: list[str]
    reasons: list[_Reason]


class EngineMissingError(PlumblineError):
    """Says that the simulator cannot be installed: the matrix is then not evaluated, and nothing is shown."""


def install() -> None:
    """Installs the simulator that the lock file pins, unless it is there; no script of a package runs.

    Raises:
        EngineMissingError: npm fails, e.g. without a network; exit code 2.
    """
    wanted = json.loads((_FOLDER / "package.json").read_text(encoding="utf-8"))["dependencies"]
    # Whoever comes second waits, and finds it installed.
    with (_FOLDER / "package-lock.json").open(encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not all(_installed(name) == version for name, version in wanted.items()):
            _npm_ci()


def _npm_ci() -> None:
    npm = NODE_FOLDER.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command = [str(NODE_FOLDER / "node"), str(npm), "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    done = subprocess.run(
        [*command, "--loglevel=error"], cwd=_FOLDER, env=tool_environment(), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        said = [line.removeprefix("npm error ").strip() for line in done.stderr.splitlines()]
        code = next((line.removeprefix("code ") for line in said if line), "nothing")
        raise EngineMissingError(
            f"the access matrix is not evaluated: its simulator cannot be installed, npm says {code}; accepted: a "
            "network, once."
        )


def _installed(package: str) -> str | None:
    path = _PACKAGES / package / "package.json"
    return str(json.loads(path.read_text(encoding="utf-8"))["version"]) if path.exists() else None


class SimulationEngine:
    """`@cloud-copilot/iam-simulate` behind a child process that takes and gives a line of JSON a batch.

    Used as a context manager: the process lives inside the block, for as many batches as are decided there.
    """

    def __init__(self) -> None:
        """Prepares; nothing is started yet."""
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        """Starts the process.

        Raises:
            EngineMissingError: The simulator is not there and cannot be installed; exit code 2.
        """
        install()
        self._process = subprocess.Popen(
            [str(NODE_FOLDER / "node"), "server.mjs"],
            cwd=_FOLDER,
            env=tool_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends the process."""
        if self._process is not None:
            self._process.communicate()
            self._process = None

    def decide(self, simulations: Sequence[Simulation]) -> list[Decision]:
        """Decides each simulation, in their order.

        Raises:
            PlumblineError: The process ended without an answer; exit code 1.
        """
        if self._process is None or self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("an engine decides inside its with block")
        pool = _Pool()
        requests = [_request(simulation, pool) for simulation in simulations]
        policies = _as_read(json.dumps([policy.document for policy in pool.policies]))
        # What a process that is gone did not take, it does not answer either.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(f'{{"policies": {policies}, "simulations": {_as_read(json.dumps(requests))}}}\n')
            self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise PlumblineError("the access matrix's simulator ended without an answer.", exit_code=1)
        return [_decision(one, pool) for one in json.loads(answer)]


def _as_read(text: str) -> str:
    return _PARTS_OF_PIPELINES.sub(r'\1"', text.replace(f'"{_ENCRYPTION_CONTEXT}', f'"{_CARRIER}'))


class _Pool:
    """Policies by number; the same policy has the same number."""

    def __init__(self) -> None:
        self.policies: list[Policy] = []
        self._numbers: dict[int, int] = {}

    def number(self, policy: Policy) -> int:
        if id(policy) not in self._numbers:
            self._numbers[id(policy)] = len(self.policies)
            self.policies.append(policy)
        return self._numbers[id(policy)]

    def optional(self, policy: Policy | None) -> int | None:
        return None if policy is None else self.number(policy)

    def name(self, number: str | None) -> str:
        return self.policies[int(number)].name if number and number.isdecimal() else ""


def _request(simulation: Simulation, pool: _Pool) -> dict[str, object]:
    return {
        "principal": simulation.principal,
        "action": simulation.action,
        "resource": simulation.resource,
        "account": simulation.account,
        "context": dict(simulation.context),
        "identity": [pool.number(policy) for policy in simulation.identity],
        "boundary": pool.optional(simulation.boundary),
        "organization": [[pool.number(policy) for policy in level] for level in simulation.organization],
        "resourcePolicy": pool.optional(simulation.resource_policy),
        "session": pool.optional(simulation.session),
        "endpoint": pool.optional(simulation.endpoint),
    }


def _decision(answer: _Answer, pool: _Pool) -> Decision:
    if "error" in answer:
        return Decision(allowed=None, error=answer["error"])
    return Decision(
        allowed=answer["result"] == "Allowed",
        reasons=tuple(
            Reason(
                kind=_KINDS.get(one["type"], one["type"]),
                allows=one["kind"] == "allows",
                policy=pool.name(one["policy"]),
                statement=one["statement"] or "",
            )
            for one in answer["reasons"]
        ),
        ignored=tuple(key.replace(_CARRIER, _ENCRYPTION_CONTEXT) for key in answer["ignored"]),
    )
