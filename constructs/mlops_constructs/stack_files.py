"""The files of a stack that CloudFormation's actions in a pipeline take from an artifact."""

import json
from pathlib import Path
from typing import cast

from aws_cdk import Stack, Stage


def template_file(stack: Stack) -> Path:
    """Path of a stack's template in the cloud assembly; it is there once the stack's Stage is synthesized."""
    return Path(cast("Stage", Stage.of(stack)).outdir) / stack.template_file


def settings(stack: Stack) -> str:
    """What an action takes as its template configuration: the stack's tags, as CDK Pipelines writes them."""
    return json.dumps({"Tags": dict(stack.tags.tag_values())}, indent=2)
