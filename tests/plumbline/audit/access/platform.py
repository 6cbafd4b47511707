"""The platform of this repository as the matrix sees it: its templates, and those of the bootstrap."""

import copy
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from plumbline.audit.access.bootstrapped import bootstrapped
from plumbline.audit.access.matrix import MatrixReport, evaluate
from plumbline.audit.access.notation import Table, read_table
from plumbline.audit.access.reading import Parameters
from plumbline.audit.access.simulation import Engine
from plumbline.audit.json_value import Json
from plumbline.audit.templates import AuditedTemplate, read_assembly
from plumbline.configuration import Model, Organization, Platform
from tests.house.assembly import ROOT, assembled, synthesized, synthesized_as

# A resource as a test changes it.
Resource = dict[str, Json]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """All that is judged."""

    platform: Platform
    models: Sequence[Model]
    templates: Sequence[AuditedTemplate]
    parameters: Parameters

    def judged_by(self, engine: Engine) -> MatrixReport:
        """The report of the platform's own table."""
        return evaluate(
            templates=self.templates,
            platform=self.platform,
            models=self.models,
            engine=engine,
            parameters=self.parameters,
            table=_table(),
        )

    def with_change(self, file: str, change: Callable[[dict[str, Resource]], None]) -> "Subject":
        """The same with the resources of one template changed."""
        (index,) = [number for number, template in enumerate(self.templates) if file in template.file][:1]
        changed = copy.deepcopy(self.templates[index].body)
        resources = changed["Resources"]
        assert isinstance(resources, dict)
        change(resources)  # type: ignore[arg-type]
        templates = [*self.templates]
        templates[index] = replace(templates[index], body=changed)
        return replace(self, templates=templates)


@functools.cache
def _table() -> Table:
    return read_table()


@functools.cache
def own_platform() -> Subject:
    """The platform as `platform.toml` has it."""
    assembly = synthesized()
    return _subject(assembly.platform, assembly.models, assembly.folder)


@functools.cache
def platform_of_an_organization() -> Subject:
    """The same platform in an organisation."""
    organization = Organization(
        id="o-exampleorg1",
        management_account="666666666666",
        targets=["ou-exam-ple12345"],
        landing_zone_roles=["AWSControlTowerExecution"],
    )
    assembly = assembled(synthesized().platform.model_copy(update={"organization": organization}))
    return _subject(assembly.platform, assembly.models, assembly.folder)


@functools.cache
def platform_as_configured(text: str) -> Subject:
    """The platform that another `platform.toml` makes; its rules find nothing either."""
    assembly = synthesized_as(text)
    return _subject(assembly.platform, assembly.models, assembly.folder)


def _subject(platform: Platform, models: Sequence[Model], folder: Path) -> Subject:
    before = bootstrapped(ROOT, platform)
    return Subject(
        platform=platform,
        models=models,
        templates=[*read_assembly(folder), *before.templates],
        parameters=before.parameters,
    )
