"""`plumb cdk …`: the CDK command line of package-lock.json, in the checkout's environment."""

import os

import typer

from plumbline.toolchain import CDK, ROOT, tool_environment


def cdk(context: typer.Context) -> None:
    """Run the CDK command line with the app of this checkout: synth, diff, deploy and so on."""
    os.chdir(ROOT)
    os.execve(CDK, [str(CDK), *context.args], tool_environment())  # noqa: S606 - becomes the pinned tool, no shell
