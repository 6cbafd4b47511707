"""Lets synth pass only without open findings and without waivers that excuse nothing."""

import os
from collections.abc import Sequence
from pathlib import Path

from aws_cdk import App, Validations

from mlops_constructs.waiver import declared_waivers
from plumbline.audit.gate_record import GateRecord, write_gate_record
from plumbline.audit.schema_rules import SchemaRules
from plumbline.audit.validation_report import ValidationReport, discard_report, read_report
from plumbline.audit.waivers import Waived, broken_waivers, flatten
from plumbline.errors import PlumblineError

# All look at every synth; a set that finds nothing leaves no entry in the report.
_RULE_SETS = frozenset(
    {"AwsSolutions", "HIPAA.Security", "NIST.800.53.R5", "PCI.DSS.321", "CloudFormation-Validate", "Plumbline"}
)


def add_rules(app: App) -> None:
    """Makes synth of `app` fail on an open finding, in every Stage: of our own rules, the schema rules, or cdk-nag.

    The packs are AwsSolutions and those for HIPAA, NIST 800-53 R5 and PCI DSS 3.2.1. `CDK_VALIDATION=false`, which
    turns off the CDK's own validation, turns off these too: for the inner loop only.

    Args:
        app: The app, made with `builtin_cloud_formation_validation=False`, or the CDK judges by the schema rules too.
    """
    if _switched_off():
        return
    # First: its engine loads beside what follows.
    schema_rules = SchemaRules()
    # Not at the top: loading the rules takes longer than judging with them, and the inner loop needs neither.
    from cdk_nag import AwsSolutionsChecks, HIPAASecurityChecks, NIST80053R5Checks, PCIDSS321Checks

    from plumbline.audit.own_rules import PlumblineRules

    packs = (AwsSolutionsChecks, HIPAASecurityChecks, NIST80053R5Checks, PCIDSS321Checks)
    Validations.of(app).add_plugins(schema_rules, PlumblineRules(), *(pack(app, verbose=True) for pack in packs))


def synthesize(app: App) -> None:
    """Writes the cloud assembly of `app`, and its waivers beside it.

    Raises:
        PlumblineError: A finding is open, a waiver excuses nothing, or one excuses what none may; exit code 1. A set of
            rules breaks off; exit code 2.
    """
    folder = Path(app.outdir)
    discard_report(folder)
    waived = flatten(declared_waivers(app))
    asked = frozenset() if _switched_off() else _RULE_SETS
    write_gate_record(folder, GateRecord(rule_sets=asked, waivers=waived))
    try:
        app.synth()
    except RuntimeError as error:
        _refuse_open_findings(folder, cause=error)
        raise
    if not _switched_off():
        for sentence in broken_waivers(waived):
            raise PlumblineError(sentence, exit_code=1)
        # The command line asks the app to go on, and reports findings without failing `cdk synth`.
        _refuse_open_findings(folder)
        refuse_stale_waivers(waived, read_report(folder))


def refuse_stale_waivers(waived: Sequence[Waived], report: ValidationReport) -> None:
    """Refuses waivers that excuse nothing: what they excused is gone, and so must they be.

    Args:
        waived: The waivers of an app.
        report: The validation report of its synth.

    Raises:
        PlumblineError: A waiver is stale; exit code 1.
    """
    for one in waived:
        looked = one.rule.partition("::")[0] in _RULE_SETS
        if looked and (one.construct, one.rule) not in report.used_acknowledgements:
            raise PlumblineError(f"{one.construct}: the waiver of {one.rule} excuses nothing; remove it.", exit_code=1)


def _refuse_open_findings(folder: Path, cause: Exception | None = None) -> None:
    report = read_report(folder)
    for sentence in report.failures:
        raise PlumblineError(f"synth: {sentence}") from cause
    findings = report.open_findings
    if findings:
        raise PlumblineError(
            f"synth: {len(findings)} finding(s) are open, the first is {findings[0]}; "
            f"{folder / 'validation-report.json'} has all.",
            exit_code=1,
        ) from cause


def _switched_off() -> bool:
    return os.environ.get("CDK_VALIDATION") == "false"
