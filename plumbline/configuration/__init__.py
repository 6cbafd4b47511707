"""What a team decides, read once into frozen models: `platform.toml` and each model's `model.toml`.

Everything that the app, the command line and the rehearsal need to know by name (buckets, roles, stacks, parameters) is
computed here, so that nothing has to be passed between accounts.
"""

from plumbline.configuration.accounts import Account
from plumbline.configuration.bootstrap import (
    bootstrap_parameters,
    bootstrap_template,
    cdk_bootstrap_arguments,
    execution_policy_arns,
)
from plumbline.configuration.contract import Contract, load_contract
from plumbline.configuration.delivery import Delivery, DeliveryStep, artifacts_folder
from plumbline.configuration.deployment import LABELLED, Deployment, Environment, KeyPurpose, ModelJob
from plumbline.configuration.digests import code_archive, code_digest, runtime_tag
from plumbline.configuration.managed import Backend, image_repository_arns, image_uri, refuse_unmanageable, schedule
from plumbline.configuration.model import Model, load_model, load_models, named_model
from plumbline.configuration.monitoring import Every, Monitor, Monitoring
from plumbline.configuration.placement import Person, Placement
from plumbline.configuration.platform import Organization, Platform, Workbench, load_platform
from plumbline.configuration.release import Release, ReleaseStep
from plumbline.configuration.retraining import REQUEST_SOURCE, REQUEST_TYPE, Retraining
from plumbline.configuration.source import Source, SourceProvider
from plumbline.configuration.tools import command_line_version

__all__ = [
    "LABELLED",
    "REQUEST_SOURCE",
    "REQUEST_TYPE",
    "Account",
    "Backend",
    "Contract",
    "Delivery",
    "DeliveryStep",
    "Deployment",
    "Environment",
    "Every",
    "KeyPurpose",
    "Model",
    "ModelJob",
    "Monitor",
    "Monitoring",
    "Organization",
    "Person",
    "Placement",
    "Platform",
    "Release",
    "ReleaseStep",
    "Retraining",
    "Source",
    "SourceProvider",
    "Workbench",
    "artifacts_folder",
    "bootstrap_parameters",
    "bootstrap_template",
    "cdk_bootstrap_arguments",
    "code_archive",
    "code_digest",
    "command_line_version",
    "execution_policy_arns",
    "image_repository_arns",
    "image_uri",
    "load_contract",
    "load_model",
    "load_models",
    "load_platform",
    "named_model",
    "refuse_unmanageable",
    "runtime_tag",
    "schedule",
]
