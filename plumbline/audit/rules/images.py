"""Whether an image is the same tomorrow."""

import re
from collections.abc import Iterator

from plumbline.audit.rules.expectations import must_be
from plumbline.audit.rules.part import Part
from plumbline.audit.rules.rule import Violation
from plumbline.audit.rules.template import Resource

_ACCEPTED = "a digest, or a tag that says its content in a repository with immutable tags"
_IMAGE = re.compile(r"^(?:(?P<registry>[^/]+)/)?(?P<repository>[^:@]+)(?::(?P<tag>[^@]+))?(?P<digest>@sha256:.+)?$")
# Whatever a run puts behind it, it is a digest, of a repository that the template names.
_DIGEST_OF_A_REPOSITORY = re.compile(r"^[^:@${}]+@sha256:.+$")
_CONTENT = re.compile(r"^(?:[a-z0-9]+[-_])?[0-9a-f]{12,64}$")
# Analyzers that AWS keeps without tags (SageMaker developer guide, "Monitor by pre-built container",
# "Pre-built SageMaker Clarify containers").
_OF_AWS = ("sagemaker-model-monitor-analyzer", "sagemaker-clarify-processing")


def pinned(image: Part, resource: Resource, *, subject: str = "") -> Iterator[Violation]:
    """Yields a violation unless an image is pinned.

    Args:
        image: The image's address.
        resource: The resource that runs it, next to which repositories are looked up.
        subject: What of the resource a waiver has to name.
    """

    def is_pinned(value: object) -> bool:
        found = _IMAGE.match(str(value or ""))
        if found is None:
            return False
        registry, repository, tag = found["registry"] or "", found["repository"], found["tag"]
        if found["digest"] or repository.removeprefix("library/") in _OF_AWS:
            return True
        if not tag:
            return False
        return bool(_CONTENT.match(tag)) or _is_immutable(resource, registry.partition(".")[0], repository)

    if not _DIGEST_OF_A_REPOSITORY.match(image.text):
        yield from must_be(image, is_pinned, _ACCEPTED, subject=subject)


def _is_immutable(resource: Resource, account: str, repository: str) -> bool:
    """Whether a template makes the repository, and forbids to push a tag again."""
    return any(
        found.template.place.account == account
        and found.reference == repository
        and found.at("ImageTagMutability").text == "IMMUTABLE"
        for found in resource.template.all.of_type("AWS::ECR::Repository")
    )
