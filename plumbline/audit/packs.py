"""What cdk-nag's packs ask: their rules, the controls that each answers, and the types of resources that it looks at.

cdk-nag reports what fails and keeps quiet about what it looked at, and its catalogue is no part of its interface; both
stand in the JavaScript of the installed package, in one shape throughout. A test holds the counts of this release.
"""

import functools
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

# Framework of each pack that names controls; AwsSolutions names none.
FRAMEWORKS = {"HIPAA.Security": "HIPAA", "NIST.800.53.R5": "NIST 800-53 R5", "PCI.DSS.321": "PCI DSS"}
_FILES = {
    "aws-solutions.js": "AwsSolutions",
    "hipaa-security.js": "HIPAA.Security",
    "nist-800-53-r5.js": "NIST.800.53.R5",
    "pci-dss-321.js": "PCI.DSS.321",
}
_TEXT = r"""(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|`([^`]*)`)"""
_APPLIED = re.compile(r"this\.applyRule\(\{(.*?)\n\s*\}\);", re.DOTALL)
_INFO = re.compile(rf"info:\s*{_TEXT}")
_SUFFIX = re.compile(rf"ruleSuffixOverride:\s*{_TEXT}")
_RULE = re.compile(r"rule:\s*\w+\.(\w+)")
_CONTROLS = re.compile(r"\s*-?\s*\(Control IDs?: (.*)\)\.?\s*$")
_LOOKED_AT = re.compile(r"node instanceof aws_(\w+)_1\.Cfn(\w+)")


@dataclass(frozen=True, kw_only=True)
class PackRule:
    """A rule of a pack.

    Attributes:
        id: Qualified id, as in a waiver.
        pack: The pack.
        finding: What is wrong when it does not hold.
        controls: Ids of the controls that it answers, in the pack's framework.
        types: Types that it looks at, as `s3::bucket`: CloudFormation's without `AWS::`, in lower case.
    """

    id: str
    pack: str
    finding: str
    controls: tuple[str, ...]
    types: frozenset[str]

    def looks_at(self, resource_type: str) -> bool:
        """Whether it looks at resources of a CloudFormation type."""
        return resource_type.removeprefix("AWS::").lower() in self.types


@functools.cache
def pack_rules() -> tuple[PackRule, ...]:
    """Every rule of the packs that judge at synth, pack by pack."""
    scripts = _scripts()
    types = {
        Path(name).stem: frozenset(f"{service}::{resource}".lower() for service, resource in _LOOKED_AT.findall(script))
        for name, script in scripts.items()
        if "/rules/" in name
    }
    return tuple(
        rule for file, pack in _FILES.items() for rule in _rules(pack, scripts[f"package/lib/packs/{file}"], types)
    )


def _rules(pack: str, script: str, types: dict[str, frozenset[str]]) -> Iterator[PackRule]:
    for applied in _APPLIED.findall(script):
        rule, info, suffix = _RULE.search(applied), _INFO.search(applied), _SUFFIX.search(applied)
        if rule is None or info is None:
            continue
        finding = next(text for text in info.groups() if text is not None)
        controls = _CONTROLS.search(finding)
        name = next(text for text in suffix.groups() if text is not None) if suffix else rule[1]
        yield PackRule(
            id=f"{pack}::{pack}-{name}",
            pack=pack,
            finding=_CONTROLS.sub("", finding),
            controls=tuple(dict.fromkeys(re.split(r",\s+", controls[1]))) if controls else (),
            types=types.get(rule[1], frozenset()),
        )


def _scripts() -> dict[str, str]:
    spec = find_spec("cdk_nag")
    assert spec is not None and spec.origin is not None  # noqa: S101 - requirements.txt installs it
    (archive,) = (Path(spec.origin).parent / "_jsii").glob("*.tgz")
    with tarfile.open(archive) as packed:
        return {
            member.name: content.read().decode()
            for member in packed
            if re.fullmatch(r"package/lib/(packs|rules/[\w-]+)/[\w.-]+\.js", member.name)
            and (content := packed.extractfile(member)) is not None
        }
