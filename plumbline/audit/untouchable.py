"""What a waiver excuses, looked at once more in the template: some things no reason excuses."""

import re
from collections.abc import Iterator, Mapping, Sequence

from plumbline.audit.findings import Finding, Severity
from plumbline.audit.json_value import Json, as_list, as_object, as_texts
from plumbline.audit.rules import RULES
from plumbline.audit.templates import AuditedTemplate
from plumbline.audit.waivers import Waived

# Of cdk-nag, by the rule's name; of our own rules, by what they are called, but for those of low severity.
_LACKS_A_KEY = re.compile(r"Encrypt|KMS|CMK", re.IGNORECASE)
_OWN = {f"Plumbline::{rule.id}": rule for rule in RULES}


def excusable(templates: Sequence[AuditedTemplate], excused: Sequence[tuple[Waived, Finding]]) -> Iterator[str]:
    """Sentences on findings that are excused and must not be.

    That is what lacks a customer's key, but for buckets that take access logs, which S3 delivers to no other (S3 user
    guide, "Enabling Amazon S3 server access logging"); and every action of a service, or of all, on every resource.

    Args:
        templates: The templates.
        excused: Each waiver with a finding that it excuses.
    """
    bodies = {(template.file, name): body for template in templates for name, body in template.resources.items()}
    log_buckets = _log_buckets(templates)
    for waived, finding in excused:
        place = (finding.file, finding.resource)
        what = f"{waived.construct}: the waiver {waived.decision} excuses {waived.rule}"
        if _lacks_a_key(waived.rule.partition("[")[0]) and place not in log_buckets:
            yield f"{what}; what lacks a key is excused for buckets of access logs only."
        if any(_everything(statement) for statement in _policies(bodies.get(place, {}))):
            yield f"{what}, of a policy that allows all actions of a service on *; that can only be mended."


def _lacks_a_key(rule: str) -> bool:
    own = _OWN.get(rule)
    if own is not None:
        return "customer managed key" in own.title and own.severity is not Severity.LOW
    return _LACKS_A_KEY.search(rule) is not None


def _everything(statement: Mapping[str, Json]) -> bool:
    wide = any(re.fullmatch(r"\*|[\w-]+:\*", action) for action in as_texts(statement.get("Action")))
    return statement.get("Effect") == "Allow" and wide and "*" in as_texts(statement.get("Resource"))


def _policies(body: Mapping[str, Json]) -> Iterator[dict[str, Json]]:
    properties = as_object(body.get("Properties"))
    if str(body.get("Type")).startswith("AWS::IAM::"):
        inline = [as_object(policy).get("PolicyDocument") for policy in as_list(properties.get("Policies"))]
        for document in (properties.get("PolicyDocument"), *inline):
            yield from (as_object(statement) for statement in as_list(as_object(document).get("Statement")))


def _log_buckets(templates: Sequence[AuditedTemplate]) -> set[tuple[str, str]]:
    """Buckets that another bucket of their template names as the target of its access logs."""
    found = set()
    for template in templates:
        buckets = {
            name: as_object(body.get("Properties"))
            for name, body in template.resources.items()
            if body.get("Type") == "AWS::S3::Bucket"
        }
        targets = [as_object(b.get("LoggingConfiguration")).get("DestinationBucketName") for b in buckets.values()]
        found |= {
            (template.file, name)
            for name, bucket in buckets.items()
            if {"Ref": name} in targets or (bucket.get("BucketName") is not None and bucket["BucketName"] in targets)
        }
    return found
