"""What EventBridge counts in CloudWatch, under ``AWS/Events``.

Source: EventBridge user guide, "Monitoring Amazon EventBridge": a metric with only ``RuleName`` is one of the default
bus, one with ``EventBusName`` as well is one of another.
"""

from collections.abc import Mapping

from ministack.services import cloudwatch


def count(metric: str, rule: Mapping[str, object]) -> None:
    """Adds one to a metric of a rule; called in the scope of the rule's account."""
    bus = str(rule.get("EventBusName", "default"))
    dimensions = {"RuleName": str(rule.get("Name", ""))} | ({"EventBusName": bus} if bus != "default" else {})
    cloudwatch.record_metric("AWS/Events", metric, 1, "Count", dimensions)
