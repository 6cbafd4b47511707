"""Three accounts made ready and filled: bootstrap, stacks, image."""

import concurrent.futures
from collections.abc import Iterable
from pathlib import Path

from plumbline.accounts import bootstrapping
from plumbline.configuration import Platform, bootstrap_template
from plumbline.errors import PlumblineError
from plumbline.rehearsal.assembly import SynthesizedStack, submitted_digest
from plumbline.rehearsal.cdk_tool import CdkTool
from plumbline.rehearsal.cloud import Cloud


def bootstrap(*, cloud: Cloud, tool: CdkTool, root: Path) -> int:
    """Deploys the plain template and runs ``cdk bootstrap`` in every account, all at once, each by its administrator.

    Args:
        cloud: The cloud.
        tool: The command line.
        root: The checkout.

    Returns:
        The number of accounts.

    Raises:
        PlumblineError: One of them fails; the others and all else that the tool runs are ended then.
    """
    template = bootstrap_template(root).read_text(encoding="utf-8")

    def one(account: str) -> None:
        administrator = cloud.administrator(account)
        bootstrapping.bootstrap(
            clients=administrator,
            platform=cloud.platform,
            account=account,
            template=template,
            run_tool=lambda words: tool.run(*words, caller=administrator, name=f"bootstrap-{account}"),
            tell=lambda _: None,
        )

    with concurrent.futures.ThreadPoolExecutor(len(cloud.platform.account_ids)) as pool:
        attempts = [pool.submit(one, account) for account in cloud.platform.account_ids]
        try:
            for attempt in concurrent.futures.as_completed(attempts):
                attempt.result()
        except BaseException:
            tool.end_all()
            raise
    return len(attempts)


def synthesize(*, platform: Platform, root: Path, tool: CdkTool, output: Path) -> None:
    """Runs ``cdk synth`` once, with nobody's credentials.

    Args:
        platform: The configuration.
        root: The checkout, whose app is run.
        tool: The command line.
        output: The folder of the cloud assembly.

    Raises:
        PlumblineError: The app refuses the configuration, or a validation finds something.
    """
    if not (root / "app.py").is_file():
        raise PlumblineError(f"{root} has no app.py: run this in a checkout of {platform.name}")
    tool.run("synth", "--quiet", "--output", str(output), caller=None, name="synth")


def deploy(*, cloud: Cloud, tool: CdkTool, assembly: Path, stages: Iterable[str]) -> None:
    """Runs ``cdk deploy`` for whole Stages, from the delivery account and through the trust that bootstrap made.

    Raises:
        PlumblineError: A stack fails.
    """
    tool.run(
        "deploy",
        "--app",
        str(assembly),
        *(f"{stage}/*" for stage in stages),
        "--require-approval",
        "never",
        "--concurrency",
        "6",
        "--progress",
        "events",
        caller=cloud.administrator(cloud.platform.delivery_account),
        name="deploy",
    )


def verify_templates(*, cloud: Cloud, stacks: Iterable[SynthesizedStack]) -> dict[str, str]:
    """Compares, byte for byte, what CloudFormation was given with what synth wrote.

    Returns:
        The SHA-256 of each stack's template, by the stack's name.

    Raises:
        PlumblineError: A template is another than the one that synth wrote.
    """
    digests = {}
    for stack in stacks:
        found = submitted_digest(stack.name, cloud.administrator(stack.account))
        if found != stack.digest:
            raise PlumblineError(
                f"the template of {stack.name} in account {stack.account} has the SHA-256 {found}; synth wrote "
                f"{stack.digest}",
                exit_code=1,
            )
        digests[stack.name] = stack.digest
    return digests


def resources(*, cloud: Cloud, stacks: Iterable[SynthesizedStack]) -> dict[str, dict[str, int]]:
    """Counts the resources of each stack by their type, by the stack's name."""
    counts: dict[str, dict[str, int]] = {}
    for stack in stacks:
        pages = cloud.administrator(stack.account).client("cloudformation").get_paginator("list_stack_resources")
        types: dict[str, int] = {}
        for page in pages.paginate(StackName=stack.name):
            for resource in page["StackResourceSummaries"]:
                types[resource["ResourceType"]] = types.get(resource["ResourceType"], 0) + 1
        counts[stack.name] = dict(sorted(types.items()))
    return counts
