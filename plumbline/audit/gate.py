"""Lets synth pass only without open findings and without waivers that excuse nothing."""

import os
from pathlib import Path

from aws_cdk import App, Validations

from mlops_constructs.waiver import declared_waivers
from plumbline.audit.report import ValidationReport, discard_report, read_report
from plumbline.errors import PlumblineError

_PACK = "AwsSolutions"


def add_rules(app: App) -> None:
    """Makes synth of `app` fail on an open finding of cdk-nag's AwsSolutions pack, in every Stage.

    `CDK_VALIDATION=false`, which turns off the CDK's own validation, turns off this one too: for the inner loop only.
    """
    if _switched_off():
        return
    # Not at the top: loading the rules takes longer than judging with them, and the inner loop needs neither.
    from cdk_nag import AwsSolutionsChecks

    Validations.of(app).add_plugins(AwsSolutionsChecks(app, verbose=True))


def synthesize(app: App) -> None:
    """Writes the cloud assembly of `app`.

    Raises:
        PlumblineError: A finding is open, or a waiver excuses nothing; exit code 1.
    """
    folder = Path(app.outdir)
    discard_report(folder)
    try:
        app.synth()
    except RuntimeError as error:
        findings = read_report(folder).open_findings
        if not findings:
            raise
        raise PlumblineError(
            f"synth: {len(findings)} finding(s) are open, the first is {findings[0]}; "
            f"{folder / 'validation-report.json'} has all.",
            exit_code=1,
        ) from error
    if not _switched_off():
        refuse_stale_waivers(app, read_report(folder))


def refuse_stale_waivers(app: App, report: ValidationReport) -> None:
    """Refuses waivers that excuse nothing: what they excused is gone, and so must they be.

    Args:
        app: The app whose waivers are looked at.
        report: The validation report of its synth.

    Raises:
        PlumblineError: A waiver is stale; exit code 1.
    """
    # The CDK's built-in rules come and go with options of the CLI: where they found nothing at all, they did not look.
    judged = report.rule_sets | {_PACK}
    for declared in declared_waivers(app):
        for rule_id in declared.waiver.ids:
            if rule_id.partition("::")[0] in judged and (declared.path, rule_id) not in report.used_acknowledgements:
                raise PlumblineError(
                    f"{declared.path}: the waiver of {rule_id} excuses nothing; remove it.", exit_code=1
                )


def _switched_off() -> bool:
    return os.environ.get("CDK_VALIDATION") == "false"
