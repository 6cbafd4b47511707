"""What the server process of one rehearsal is told, and tells the services that it adds to the emulator."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServerOptions:
    """One rehearsal's server: where it lives and how it is reached.

    Attributes:
        root: The checkout.
        state: The rehearsal's own folder, ``.plumb/rehearsals/<id>``: certificate, logs, call log, job folders.
        port: The TCP port on 127.0.0.1.
        region: The region that a request without one is meant for.
        accounts: The twelve-digit ids of the emulated accounts; no other id may call.
        external_images: For images that are not ours, the beginning of their URI and the folder of a virtual
            environment that stands in for them.
        organization: The id of the organisation that the accounts belong to; None for none.
        organization_trail: Whether that organisation records what happens in its accounts.
        remember_builds: Whether a build whose inputs have not changed is answered from what an earlier one came to.
    """

    root: Path
    state: Path
    port: int
    region: str
    accounts: tuple[str, ...]
    external_images: Mapping[str, Path] = dataclasses.field(default_factory=dict)
    organization: str | None = None
    organization_trail: bool = False
    remember_builds: bool = True

    @property
    def endpoint(self) -> str:
        """The address of the emulator, also for the platform's side of a job."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def certificate_authority(self) -> Path:
        """The PEM file that a client of this rehearsal, and of no other, trusts."""
        return self.state / "authority.pem"

    @property
    def call_log(self) -> Path:
        """The JSON-lines file with one authorisation decision a line."""
        return self.state / "calls.jsonl"

    @property
    def unsupported_calls(self) -> Path:
        """The JSON-lines file that names the calls which the rehearsal's services do not know; absent without one."""
        return self.jobs / "unsupported.jsonl"

    @property
    def jobs(self) -> Path:
        """The folder under which each job and endpoint gets its own."""
        return self.state / "jobs"

    @property
    def images(self) -> Path:
        """The stand-ins for container images, ``<tag>/venv`` and ``<tag>/program``, shared between rehearsals."""
        return self.root / ".plumb" / "images"
