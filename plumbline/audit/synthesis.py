"""Synthesizes an app in a process of its own, as the CDK command line would."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from plumbline.audit.templates import AuditedTemplate, read_assembly, read_files
from plumbline.configuration import bootstrap_template
from plumbline.errors import PlumblineError
from plumbline.toolchain import tool_environment

# A refusal of the gate, after which templates and report are there all the same.
_REFUSED = 1


def synthesize_app(root: Path, folder: Path) -> None:
    """Writes the cloud assembly of the app in `root`, with every rule on.

    An app that the gate refuses, for an open finding or a stale waiver, is synthesized all the same: what is wrong with
    it is for the audit to say.

    Args:
        root: A checkout, with `app.py` and `cdk.json`.
        folder: Where the assembly is written; it is made.

    Raises:
        PlumblineError: The app does not synthesize; exit code 2.
    """
    try:
        context = json.loads((root / "cdk.json").read_text(encoding="utf-8"))["context"]
    except (OSError, ValueError, KeyError) as error:
        raise PlumblineError(f"{root / 'cdk.json'}: it cannot be read: {error!r}; accepted: a CDK app.") from None
    environment = tool_environment() | {
        "CDK_OUTDIR": str(folder),
        # What the CDK command line adds of its own.
        "CDK_CONTEXT_JSON": json.dumps({**context, "aws:cdk:enable-path-metadata": True}),
    }
    environment.pop("CDK_VALIDATION", None)
    done = subprocess.run(
        [sys.executable, "app.py"], cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    # An app that fails in any other way fails before the assembly is written.
    refused = done.returncode == _REFUSED and (folder / "manifest.json").exists()
    if done.returncode != 0 and not refused:
        raise PlumblineError(f"the app does not synthesize, so there is nothing to audit: {_reason(done.stderr)}")


def deployed_templates(root: Path, folder: Path) -> tuple[AuditedTemplate, ...]:
    """Every template that reaches an account: the app's, and the plain one that an administrator deploys first.

    Args:
        root: A checkout.
        folder: Its cloud assembly.

    Raises:
        PlumblineError: A template cannot be read; exit code 2.
    """
    plain = bootstrap_template(root)
    first = [
        replace(template, file=str(plain.relative_to(root)), stack_name="bootstrap")
        for template in read_files([plain] if plain.exists() else [])
    ]
    return (*read_assembly(folder), *first)


def _reason(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1] if lines else "it says nothing"
