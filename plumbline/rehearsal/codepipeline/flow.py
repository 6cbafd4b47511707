"""Where the executions of one pipeline are: within a stage, or in front of one.

Pure rules, without clock, threads or AWS, as the user guide's "How pipeline executions work" has them:

- A stage holds one execution at a time and is locked meanwhile; a failure or a stop releases the lock.
- Executions wait in front of a locked stage, and in front of one whose transition is disabled.
- SUPERSEDED mode: one waits; a more recent one takes its place. Only executions between stages are superseded.
- QUEUED mode: they wait in the order in which they came.
"""

import dataclasses
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entered:
    """An execution has entered a stage and locks it."""

    execution: str
    stage: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Superseded:
    """An execution that waited in front of a stage has lost its place to a more recent one."""

    execution: str
    stage: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Passed:
    """An execution has been through all stages."""

    execution: str


Move = Entered | Superseded | Passed


class Flow:
    """The places of one pipeline's executions.

    Args:
        stages: How many stages there are.
        queued: Whether executions wait in order rather than supersede each other.
    """

    def __init__(self, *, stages: int, queued: bool) -> None:
        self._queued = queued
        self._inside: list[str | None] = [None] * stages
        self._waiting: list[list[str]] = [[] for _ in range(stages)]
        self._closed: set[int] = set()

    def inside(self, stage: int) -> str | None:
        """The execution that locks a stage."""
        return self._inside[stage]

    def waiting(self, stage: int) -> Sequence[str]:
        """The executions in front of a stage, the next one first."""
        return tuple(self._waiting[stage])

    def stage_of(self, execution: str) -> int | None:
        """The stage that an execution locks; None while it waits, and once it has ended."""
        return self._inside.index(execution) if execution in self._inside else None

    def is_closed(self, stage: int) -> bool:
        """Whether the transition into a stage is disabled."""
        return stage in self._closed

    def arrive(self, execution: str, stage: int) -> list[Move]:
        """An execution comes to a stage, from the one before or as a new one."""
        moves: list[Move] = []
        if not self._queued:
            moves += [Superseded(execution=older, stage=stage) for older in self._waiting[stage]]
            self._waiting[stage].clear()
        self._waiting[stage].append(execution)
        return moves + self._admit(stage)

    def complete(self, execution: str) -> list[Move]:
        """An execution has succeeded in its stage: it goes on, and the stage takes the next."""
        stage = self._inside.index(execution)
        self._inside[stage] = None
        onward: list[Move] = (
            [Passed(execution=execution)] if stage + 1 == len(self._inside) else self.arrive(execution, stage + 1)
        )
        return onward + self._admit(stage)

    def leave(self, execution: str) -> list[Move]:
        """An execution has failed, was stopped or cancelled: its place is free."""
        for waiting in self._waiting:
            if execution in waiting:
                waiting.remove(execution)
        stage = self.stage_of(execution)
        if stage is None:
            return []
        self._inside[stage] = None
        return self._admit(stage)

    def enter_again(self, execution: str, stage: int) -> list[Move]:
        """An execution is retried in a stage that nobody else has entered since; no transition holds it."""
        if self._inside[stage] is not None:
            raise ValueError(f"stage {stage} is locked by {self._inside[stage]}")
        self._inside[stage] = execution
        return [Entered(execution=execution, stage=stage)]

    def close(self, stage: int) -> None:
        """Disables the transition into a stage."""
        self._closed.add(stage)

    def open(self, stage: int) -> list[Move]:
        """Enables the transition into a stage; who waits in front of it enters."""
        self._closed.discard(stage)
        return self._admit(stage)

    def _admit(self, stage: int) -> list[Move]:
        if self._inside[stage] is not None or stage in self._closed or not self._waiting[stage]:
            return []
        execution = self._waiting[stage].pop(0)
        self._inside[stage] = execution
        return [Entered(execution=execution, stage=stage)]
