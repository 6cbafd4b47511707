"""Lets synth pass only without open findings and without waivers that excuse nothing."""

import os
from pathlib import Path

from aws_cdk import App, Validations

from mlops_constructs.waiver import declared_waivers
from plumbline.audit.report import ValidationReport, discard_report, read_report
from plumbline.audit.schema_rules import SchemaRules
from plumbline.errors import PlumblineError

# Both look at every synth; a set that finds nothing leaves no entry in the report.
_RULE_SETS = frozenset({"AwsSolutions", "CloudFormation-Validate"})


def add_rules(app: App) -> None:
    """Makes synth of `app` fail on an open finding of the schema rules or cdk-nag's AwsSolutions pack, in every Stage.

    `CDK_VALIDATION=false`, which turns off the CDK's own validation, turns off these too: for the inner loop only.

    Args:
        app: The app, made with `builtin_cloud_formation_validation=False`, or the CDK judges by the schema rules too.
    """
    if _switched_off():
        return
    # First: its engine loads beside what follows.
    schema_rules = SchemaRules()
    # Not at the top: loading the rules takes longer than judging with them, and the inner loop needs neither.
    from cdk_nag import AwsSolutionsChecks

    Validations.of(app).add_plugins(schema_rules, AwsSolutionsChecks(app, verbose=True))


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
    judged = report.rule_sets | _RULE_SETS
    for declared in declared_waivers(app):
        for rule_id in declared.waiver.ids:
            if rule_id.partition("::")[0] in judged and (declared.path, rule_id) not in report.used_acknowledgements:
                raise PlumblineError(
                    f"{declared.path}: the waiver of {rule_id} excuses nothing; remove it.", exit_code=1
                )


def _switched_off() -> bool:
    return os.environ.get("CDK_VALIDATION") == "false"
