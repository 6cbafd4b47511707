"""What the gate leaves beside the templates, for the audit: what it has asked, and what is waived."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from plumbline.audit.json_value import as_list, as_object, as_texts
from plumbline.audit.waivers import Waived
from plumbline.errors import PlumblineError

_FILE = "gate.json"


@dataclass(frozen=True, kw_only=True)
class GateRecord:
    """What was asked and waived at a synth.

    Attributes:
        rule_sets: The rule sets that judged, as they begin a qualified id.
        waivers: What is waived, in the order of declaration.
    """

    rule_sets: frozenset[str] = frozenset()
    waivers: tuple[Waived, ...] = ()


def write_gate_record(folder: Path, record: GateRecord) -> None:
    """Writes the record into a cloud assembly."""
    waivers = [{**asdict(waived), "until": waived.until.isoformat()} for waived in record.waivers]
    document = {"rule_sets": sorted(record.rule_sets), "waivers": waivers}
    (folder / _FILE).write_text(json.dumps(document, indent=1), encoding="utf-8")


def read_gate_record(folder: Path) -> GateRecord:
    """Reads the record of a cloud assembly; that of another app has none.

    Raises:
        PlumblineError: The file is not what the gate writes.
    """
    path = folder / _FILE
    if not path.exists():
        return GateRecord()
    try:
        document = as_object(json.loads(path.read_text(encoding="utf-8")))
        waivers = [
            {key: str(value) for key, value in as_object(entry).items()} for entry in as_list(document["waivers"])
        ]
        return GateRecord(rule_sets=frozenset(as_texts(document["rule_sets"])), waivers=tuple(_waived(waivers)))
    except (OSError, ValueError, KeyError) as error:
        raise PlumblineError(f"{path}: it cannot be read: {error!r}; accepted: what synth writes.") from None


def _waived(entries: Sequence[dict[str, str]]) -> list[Waived]:
    return [
        Waived(
            decision=entry["decision"],
            rule=entry["rule"],
            construct=entry["construct"],
            reason=entry["reason"],
            owner=entry["owner"],
            until=date.fromisoformat(entry["until"]),
        )
        for entry in entries
    ]
