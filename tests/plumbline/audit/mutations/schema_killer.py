"""AWS's own rules about templates as a killer."""

import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from plumbline.audit.schema_engine import judge_schema
from plumbline.audit.templates import AuditedTemplate
from tests.plumbline.audit.mutations.operator import Mutant


class SchemaKiller:
    """A mutant dies of an error that is not there without it; a warning stops no deployment and kills nothing."""

    name = "schema"

    def __init__(self, templates: Sequence[AuditedTemplate]) -> None:
        """Takes the templates.

        Args:
            templates: All that belongs together; mutants are made of these.
        """
        self._templates = tuple(templates)
        self._folder = tempfile.TemporaryDirectory()

    def __enter__(self) -> Self:
        self._before = {template.file: self._errors(template) for template in self._templates}
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def killed_by(self, mutant: Mutant) -> tuple[str, ...]:
        """Judges the mutated template alone: these rules look at one template at a time."""
        more = self._errors(mutant.apply()) - self._before[mutant.template.file]
        return tuple(sorted({rule for rule, _ in more}))

    def _errors(self, template: AuditedTemplate) -> Counter[tuple[str, str]]:
        path = Path(self._folder.name) / "template.json"
        path.write_text(json.dumps(template.body), encoding="utf-8")
        found = judge_schema(str(path), account=template.account, region=template.region)
        return Counter((finding.rule, finding.logical_id or "") for finding in found if finding.severity == "error")
