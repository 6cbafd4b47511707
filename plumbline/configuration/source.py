"""Where the platform's own code comes from."""

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from plumbline.configuration.reading import Settings, refusal


class SourceProvider(StrEnum):
    """What tells the delivery pipeline of a commit."""

    CODECONNECTIONS = "codeconnections"
    CODECOMMIT = "codecommit"
    S3 = "s3"


_CONNECTION = "the last part of a connection's ARN, e.g. 01234567-89ab-cdef-0123-456789abcdef"
_NEEDED = {
    SourceProvider.CODECONNECTIONS: ("repository", "branch", "connection"),
    SourceProvider.CODECOMMIT: ("repository", "branch"),
    SourceProvider.S3: (),
}


class Source(Settings):
    """The repository that is delivered.

    Attributes:
        provider: Where it is.
        repository: `owner/name` behind a connection, the name of a CodeCommit repository of the delivery account; none
            for S3.
        branch: The branch that is delivered; none for S3.
        connection: Id of the connection of the delivery account; none for other providers.
    """

    # Of a TOML file comes text; strict models take no text for an enumeration otherwise.
    provider: SourceProvider = Field(
        default=SourceProvider.CODECONNECTIONS,
        strict=False,
        description=f"one of {', '.join(SourceProvider)}",
    )
    repository: str | None = Field(
        default=None,
        max_length=200,
        pattern=r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$",
        description="owner/name behind a connection, the repository's name in CodeCommit",
    )
    branch: str | None = Field(
        default=None, max_length=255, pattern=r"^[A-Za-z0-9_./-]+$", description="the name of a branch, e.g. main"
    )
    connection: str | None = Field(
        default=None, pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", description=_CONNECTION
    )

    @model_validator(mode="after")
    def _as_the_provider_needs(self) -> Self:
        needed = _NEEDED[self.provider]
        for field in ("repository", "branch", "connection"):
            value = getattr(self, field)
            if (value is not None) != (field in needed):
                wanted = ", ".join(needed) or "nothing else"
                raise refusal(
                    field=field,
                    value="missing" if value is None else value,
                    accepted=f"with provider {self.provider}: {wanted}",
                )
        if self.provider is SourceProvider.CODECONNECTIONS and "/" not in str(self.repository):
            raise refusal(field="repository", value=self.repository, accepted="owner/name")
        return self
