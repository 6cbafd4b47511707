"""Where a resource of SageMaker lives, and how it is named."""

import dataclasses

from plumbline.rehearsal.api import scope


class Scope(scope.Scope):
    """An account and a region, as SageMaker names what is in them."""

    def arn(self, resource: str) -> str:
        """The ARN of a SageMaker resource, given as ``endpoint/name``."""
        return self.arn_of("sagemaker", resource)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Arn:
    """A SageMaker ARN taken apart."""

    scope: Scope
    kind: str
    name: str

    @classmethod
    def parse(cls, text: str) -> "Arn | None":
        """The parts of a SageMaker ARN, or None when the text is something else, for example a plain name."""
        parts = text.split(":", 5)
        if len(parts) != 6 or parts[0] != "arn" or parts[2] != "sagemaker" or "/" not in parts[5]:
            return None
        kind, name = parts[5].split("/", 1)
        return cls(scope=Scope(account=parts[4], region=parts[3], partition=parts[1]), kind=kind, name=name)


def name_of(text: str) -> str:
    """The name in an operation's ``…Name`` member, which SageMaker lets be an ARN in many places."""
    arn = Arn.parse(text)
    return text if arn is None else arn.name
