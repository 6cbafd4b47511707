"""The SageMaker SDK without AWS: nothing is looked up, nothing leaves the machine."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plumbline.render.session import OfflinePipelineSession

# What the SDK and botocore read from the surroundings. `None` takes a variable away, so that no profile, configuration
# file or region of the person at the keyboard can change a definition.
_SURROUNDINGS: dict[str, str | None] = {
    "AWS_ACCESS_KEY_ID": "offline",
    "AWS_SECRET_ACCESS_KEY": "offline",
    "AWS_SESSION_TOKEN": None,
    "AWS_PROFILE": None,
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    # The SDK's registry module makes clients when it is imported, and these want a region.
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_REGION": None,
    # Without it botocore asks 169.254.169.254 for credentials.
    "AWS_EC2_METADATA_DISABLED": "true",
    # Without it the SDK calls iam:SimulatePrincipalPolicy for the job's role.
    "SAGEMAKER_VALIDATE_ROLE": "false",
    # Defaults of the SDK's own configuration files would reach the definition unseen.
    "SAGEMAKER_ADMIN_CONFIG_OVERRIDE": None,
    "SAGEMAKER_USER_CONFIG_OVERRIDE": None,
}


@contextmanager
def offline_session() -> Iterator["OfflinePipelineSession"]:
    """Gives a pipeline session that reads nothing from the surroundings; puts them back afterwards.

    The SDK has to be imported inside: it reads some of the variables when it is imported. Its log messages below
    warnings are held back, since they speak of defaults which the definition does not use.
    """
    before = {name: os.environ.get(name) for name in _SURROUNDINGS}
    disabled = logging.root.manager.disable
    _set(_SURROUNDINGS)
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            # "Running within a PipelineSession, there will be No Wait, No Logs, and No Job being started.", and those
            # that the SDK has for itself.
            warnings.simplefilter("ignore", UserWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            from plumbline.render.session import OfflinePipelineSession

            yield OfflinePipelineSession()
    finally:
        logging.disable(disabled)
        _set(before)


def _set(variables: dict[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
