"""Which IAM actions CloudFormation takes for a resource of each type that the platform's templates hold.

Source: ``handlers.<operation>.permissions`` of each type's schema in the CloudFormation registry (AWS's public schema
bundle, as of August 2026). A schema names what the handler may ever call; here stands what the properties make it call.
The few types without a registry handler are as their service's API reference has them, and say so. Whether an action
knows resources, and which condition keys its request has, is as the Service Authorization Reference says.
"""

from collections.abc import Mapping

from plumbline.rehearsal.provisioning.handlers import (
    building,
    compute,
    delivery,
    identity,
    learning,
    messaging,
    network,
    operations,
    storage,
)
from plumbline.rehearsal.provisioning.notation import Handler, calls

_CUSTOM = "Custom::"
# A custom resource is its provider, called by CloudFormation.
_PROVIDER = calls("lambda:InvokeFunction", on="{ServiceToken}")

HANDLERS: Mapping[str, Handler] = {
    **building.HANDLERS,
    **compute.HANDLERS,
    **delivery.HANDLERS,
    **identity.HANDLERS,
    **learning.HANDLERS,
    **messaging.HANDLERS,
    **network.HANDLERS,
    **operations.HANDLERS,
    **storage.HANDLERS,
    "AWS::CDK::Metadata": Handler(),
    "AWS::CloudFormation::WaitConditionHandle": Handler(),
}


def handler_of(resource_type: str) -> Handler | None:
    """The calls of a type; None for one that nobody has written down."""
    if resource_type.startswith(_CUSTOM):
        return Handler(create=_PROVIDER, update=_PROVIDER, delete=_PROVIDER)
    return HANDLERS.get(resource_type)
