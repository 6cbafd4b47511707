"""What an engine is asked, and what it answers: the matrix depends on these, and on no engine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from plumbline.audit.access.landscape import Policy

Context = Mapping[str, str | Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """One request, with every policy that AWS would look at.

    Attributes:
        principal: ARN of a session or user, or a service principal.
        action: E.g. `s3:GetObject`.
        resource: ARN without wildcards; `*` for an action that knows no resources.
        account: Account of the resource.
        context: Condition keys and their values.
        identity: Policies of the caller.
        boundary: Its permission boundary; none if it has none.
        organization: Service control policies, a sequence a level; none at all outside an organisation.
        resource_policy: Policy of the resource, a role's trust among them; none if it has none.
        session: Session policy; left out, the session has none.
        endpoint: Policy of the VPC endpoint on the way; left out, there is no endpoint on the way.
    """

    principal: str
    action: str
    resource: str
    account: str
    context: Context
    identity: Sequence[Policy] = ()
    boundary: Policy | None = None
    organization: Sequence[Sequence[Policy]] = ()
    resource_policy: Policy | None = None
    session: Policy | None = None
    endpoint: Policy | None = None


@dataclass(frozen=True, kw_only=True)
class Reason:
    """A statement that allows or denies, or a kind of policy that does not allow.

    Attributes:
        kind: `identity`, `boundary`, `resource`, `organization`, `session` or `endpoint`.
        allows: Whether it allows.
        policy: Name of the policy; empty if no statement decided.
        statement: Sid of the statement, or its number; empty if no statement decided.
    """

    kind: str
    allows: bool
    policy: str = ""
    statement: str = ""

    def __str__(self) -> str:
        """For people, e.g. `plumbline-dev-boundary: DenyDisarming`."""
        if not self.statement:
            return f"no {self.kind} policy allows it"
        return f"{self.policy}: {self.statement}" if self.policy else f"{self.kind} policy: {self.statement}"


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What an engine says.

    Attributes:
        allowed: Whether AWS would let the request through; none if the engine cannot say.
        reasons: What decided it.
        ignored: Context keys that the action does not know.
        error: Why the engine cannot say; empty otherwise.
    """

    allowed: bool | None
    reasons: tuple[Reason, ...] = ()
    ignored: tuple[str, ...] = ()
    error: str = ""


class Engine(Protocol):
    """Whatever decides simulations as AWS would."""

    def decide(self, simulations: Sequence[Simulation]) -> list[Decision]:
        """Decides each simulation, in their order."""


class RememberingEngine:
    """An engine that is asked only what it was not asked before: a small change is decided again in little time."""

    def __init__(self, engine: Engine) -> None:
        """Takes the engine that knows.

        Args:
            engine: It decides what is new.
        """
        self._engine = engine
        self._known: dict[tuple[object, ...], Decision] = {}

    def decide(self, simulations: Sequence[Simulation]) -> list[Decision]:
        """Decides each simulation, in their order."""
        texts: dict[int, str] = {}
        keys = [_key(simulation, texts) for simulation in simulations]
        new = {key: simulation for key, simulation in zip(keys, simulations, strict=True) if key not in self._known}
        if new:
            self._known |= zip(new, self._engine.decide(list(new.values())), strict=True)
        return [self._known[key] for key in keys]


def _key(simulation: Simulation, texts: dict[int, str]) -> tuple[object, ...]:
    """All that a decision depends on; policies by what they say, written once a batch."""

    def text(policy: Policy | None) -> str:
        if policy is None:
            return ""
        if id(policy) not in texts:
            texts[id(policy)] = f"{policy.name}\0{policy.document}"
        return texts[id(policy)]

    return (
        simulation.principal,
        simulation.action,
        simulation.resource,
        simulation.account,
        str(sorted(simulation.context.items())),
        tuple(map(text, simulation.identity)),
        text(simulation.boundary),
        tuple(tuple(map(text, level)) for level in simulation.organization),
        text(simulation.resource_policy),
        text(simulation.session),
        text(simulation.endpoint),
    )
