"""Reads a rendered pipeline definition and fills what is known only when it is deployed."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from aws_cdk import Fn

from plumbline.errors import PlumblineError

# A larger definition has to be put into S3 (CreatePipeline, PipelineDefinitionS3Location), which would be an asset.
LIMIT_BYTES = 100 * 1024

_PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")


def read_definition(path: Path, *, placeholders: Mapping[str, str]) -> str:
    """Reads a definition and lets CloudFormation fill its placeholders.

    Args:
        path: The committed `definition.json`.
        placeholders: What each `${Name}` stands for; values may be tokens.

    Returns:
        The definition as a token of `Fn::Sub`.

    Raises:
        PlumblineError: The file is missing, is not JSON, is over 100 KB, or has a placeholder that is not known.
    """
    name = f"{path.parent.name}/{path.name}"
    try:
        definition = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PlumblineError(f"{name}: the file is missing; `./plumb render` writes it.") from None
    except (OSError, ValueError) as error:
        raise PlumblineError(f"{name}: cannot be read as JSON: {error}; `./plumb render` writes it anew.") from None
    body = json.dumps(definition, separators=(",", ":"), ensure_ascii=False)
    size = len(body.encode())
    if size > LIMIT_BYTES:
        raise PlumblineError(f"{name}: the definition has {size} bytes; accepted: {LIMIT_BYTES} or fewer.")
    used = dict.fromkeys(_PLACEHOLDER.findall(body))
    unknown = [placeholder for placeholder in used if placeholder not in placeholders]
    if unknown:
        raise PlumblineError(
            f"{name}: ${{{unknown[0]}}} is not a placeholder that the stack fills; "
            f"accepted: {', '.join(f'${{{placeholder}}}' for placeholder in sorted(placeholders))}."
        )
    return Fn.sub(body, {placeholder: placeholders[placeholder] for placeholder in used})
