"""Variables in an action's configuration: ``#{namespace.key}``.

Source: user guide, "Working with variables" and "Variables reference". The namespace ``variables`` holds the pipeline's
own variables, ``codepipeline`` the one variable ``PipelineExecutionId``; all others belong to actions.
"""

import re
from collections.abc import Iterator, Mapping

from plumbline.rehearsal.codepipeline.work import ActionFailedError

_REFERENCE = re.compile(r"#\{([^{}]*)\}")
_PARTS = re.compile(r"([A-Za-z0-9@\-_]+)\.([A-Za-z0-9@\-_]+)")
PIPELINE, EXECUTION = "variables", "codepipeline"

Namespaces = Mapping[str, Mapping[str, str]]


def references(text: str) -> Iterator[tuple[str, str, str]]:
    """The references in a text: as written, namespace and key; both empty where it is no reference at all."""
    for found in _REFERENCE.finditer(text):
        parts = _PARTS.fullmatch(found[1])
        yield found[0], parts[1] if parts else "", parts[2] if parts else ""


def resolved(text: str, namespaces: Namespaces) -> str:
    """A text with the values of its references.

    Raises:
        ActionFailedError: There is no such variable.
    """

    def value(found: re.Match[str]) -> str:
        namespace, _, key = found[1].partition(".")
        if key not in namespaces.get(namespace, {}):
            raise ActionFailedError(
                "ConfigurationError", f"The variable reference {found[0]} could not be resolved: it has no value."
            )
        return namespaces[namespace][key]

    return _REFERENCE.sub(value, text)
