"""What a change opens, closes and takes away, against another commit."""

import io
import subprocess
import tarfile
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from plumbline.audit.examination import Examination, JudgedFinding, examine
from plumbline.audit.gate_record import read_gate_record
from plumbline.audit.grants import Grant, grants
from plumbline.audit.linting import Linter
from plumbline.audit.packs import pack_rules
from plumbline.audit.steps import StepMaker
from plumbline.audit.synthesis import deployed_templates, synthesize_app
from plumbline.audit.template_changes import StateLoss, state_losses
from plumbline.audit.templates import AuditedTemplate, read_assembly
from plumbline.audit.validation_report import read_report
from plumbline.errors import PlumblineError

# GitHub takes no comment of more than 65,536 characters.
_MOST_ROWS = 25  # of a table
_LONGEST = 200  # characters of a message
# What a policy does, by its statement's effect and by whether something opens.
_VERBS = {
    ("Allow", True): "allows",
    ("Deny", True): "no longer denies",
    ("Allow", False): "no longer allows",
    ("Deny", False): "denies",
}


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What changes from a commit to this checkout.

    Attributes:
        reference: The commit, as it was named.
        opened: Findings that are new and that nothing excuses.
        excused: Findings that are new, under a waiver.
        closed: Findings that are gone.
        gained: Permissions that open: something is allowed, or no longer denied.
        covered: Of these, the ones whose wildcard a waiver excuses.
        lost: Permissions that close.
        losses: Resources with state that deploying would replace, orphan or delete.
        problems: Sentences on waivers of this checkout that cannot stand.
        not_compared: Packs of cdk-nag, which judge at synth only, that did not judge the commit at its own.
    """

    reference: str
    opened: tuple[JudgedFinding, ...]
    excused: tuple[JudgedFinding, ...]
    closed: tuple[JudgedFinding, ...]
    gained: tuple[Grant, ...]
    covered: frozenset[Grant]
    lost: tuple[Grant, ...]
    losses: tuple[StateLoss, ...]
    problems: tuple[str, ...]
    not_compared: tuple[str, ...]

    @property
    def opens(self) -> bool:
        """Whether a person has to agree: something opens that no waiver covers, or state would be lost."""
        return bool(self.opened or self.problems or self.losses or set(self.gained) - self.covered)

    def markdown(self) -> str:
        """The comparison as a comment on a pull request."""
        return "\n".join(_markdown(self)) + "\n"


def compare(root: Path, reference: str, *, today: date, step: StepMaker) -> Comparison:
    """Audits this checkout and another commit of it, without a network, and says what differs.

    Args:
        root: The checkout; what is not committed counts.
        reference: A branch, tag or commit.
        today: The day with which the ends of waivers are compared.
        step: Shows what is going on.

    Raises:
        PlumblineError: There is no such commit, or one of the two does not synthesize; exit code 2.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with step(f"Synthesize this checkout and {reference}") as under_way:
            (folder / "before").mkdir()
            _extract(root, reference, folder / "before")
            before, after = folder / "before.out", folder / "after.out"
            with ThreadPoolExecutor(max_workers=2) as pool:
                old = pool.submit(_synthesize, folder / "before", before, reference)
                new = pool.submit(_synthesize, root, after, "this checkout")
                old.result()
                new.result()
            old_templates = deployed_templates(folder / "before", before)
            new_templates = deployed_templates(root, after)
            under_way.outcome = f"{len(old_templates)} and {len(new_templates)} templates"
        return _judged(reference, (old_templates, before), (new_templates, after), today=today, step=step)


def compare_assemblies(before: Path, after: Path, *, reference: str, today: date, step: StepMaker) -> Comparison:
    """Audits two cloud assemblies that lie here, and says what differs.

    Args:
        before: The folder of the one.
        after: The folder of the other.
        reference: What the first is called.
        today: The day with which the ends of waivers are compared.
        step: Shows what is going on.

    Raises:
        PlumblineError: There is no assembly in a folder; exit code 2.
    """
    return _judged(reference, (read_assembly(before), before), (read_assembly(after), after), today=today, step=step)


def _judged(
    reference: str,
    old: tuple[Sequence[AuditedTemplate], Path],
    new: tuple[Sequence[AuditedTemplate], Path],
    *,
    today: date,
    step: StepMaker,
) -> Comparison:
    """Compares templates, each with the folder of its assembly, in which reports and waivers lie."""
    linter = Linter()
    old_examination = _examine(*old, today=today, step=step, linter=linter)
    new_examination = _examine(*new, today=today, step=step, linter=linter)
    said_then = read_report(old[1])
    # A commit of before there was a record: what has found something has been asked.
    found_then = {one.rule.partition("::")[0] for one in (*said_then.open_findings, *said_then.excused)}
    asked_then = read_gate_record(old[1]).rule_sets | found_then
    asked_now = read_gate_record(new[1]).rule_sets & {rule.pack for rule in pack_rules()}
    return _compared(
        reference,
        (old[0], old_examination),
        (new[0], new_examination),
        not_compared=tuple(sorted(asked_now - asked_then)),
    )


def _compared(
    reference: str,
    before: tuple[Sequence[AuditedTemplate], Examination],
    after: tuple[Sequence[AuditedTemplate], Examination],
    *,
    not_compared: tuple[str, ...],
) -> Comparison:
    old = {_key(judged, before[0]) for judged in before[1].findings}
    new = {_key(judged, after[0]) for judged in after[1].findings}
    found = [
        judged
        for judged in after[1].findings
        if _key(judged, after[0]) not in old and judged.finding.rule.partition("::")[0] not in not_compared
    ]
    old_grants, new_grants = grants(before[0]), grants(after[0])
    came, went = _without_place(new_grants, old_grants), _without_place(old_grants, new_grants)
    gained = [grant for grant in came if grant.effect == "Allow"] + [grant for grant in went if grant.effect == "Deny"]
    lost = [grant for grant in went if grant.effect == "Allow"] + [grant for grant in came if grant.effect == "Deny"]
    return Comparison(
        reference=reference,
        opened=tuple(judged for judged in found if judged.waived is None),
        excused=tuple(judged for judged in found if judged.waived is not None),
        closed=tuple(judged for judged in before[1].findings if _key(judged, before[0]) not in new),
        gained=tuple(sorted(gained)),
        covered=frozenset(grant for grant in gained if _covered(grant, after[1])),
        lost=tuple(sorted(lost)),
        losses=state_losses(before[0], after[0]),
        problems=after[1].problems,
        not_compared=not_compared,
    )


def _extract(root: Path, reference: str, folder: Path) -> None:
    """Writes the files of a commit into a folder."""
    known = subprocess.run(
        ["git", "rev-parse", "--verify", "--quiet", "--end-of-options", f"{reference}^{{commit}}"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if known.returncode != 0:
        raise PlumblineError(f"{reference}: git knows no such commit here; accepted: a branch, tag or commit.")
    archive = subprocess.run(
        ["git", "archive", "--format=tar", known.stdout.strip()], cwd=root, capture_output=True, check=True
    )
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as packed:
        packed.extractall(folder, filter="data")


def _synthesize(root: Path, folder: Path, name: str) -> None:
    try:
        synthesize_app(root, folder)
    except PlumblineError as error:
        raise PlumblineError(f"{name}: {error}") from error


def _examine(
    templates: Sequence[AuditedTemplate], folder: Path, *, today: date, step: StepMaker, linter: Linter
) -> Examination:
    return examine(
        templates,
        waivers=read_gate_record(folder).waivers,
        reported=read_report(folder),
        today=today,
        step=step,
        linter=linter,
    )


def _key(judged: JudgedFinding, templates: Sequence[AuditedTemplate]) -> tuple[str, ...]:
    finding = judged.finding
    stack = next((t.stack_name for t in templates if t.file == finding.file), finding.file)
    return finding.rule, stack, finding.resource, finding.path


def _without_place(these: frozenset[Grant], those: frozenset[Grant]) -> list[Grant]:
    """What is in the first only; where it stands in a template does not count."""
    known = {replace(grant, place=("", "")) for grant in those}
    return [grant for grant in these if replace(grant, place=("", "")) not in known]


def _covered(grant: Grant, examination: Examination) -> bool:
    """Whether a waiver excuses the wildcard of a permission."""
    wildcards = {f"Action::{grant.action}", f"Resource::{grant.resource}"}
    return grant.effect == "Allow" and any(
        judged.waived is not None
        and (judged.finding.file, judged.finding.resource) == grant.place
        and judged.finding.rule.partition("[")[2].removesuffix("]") in wildcards
        for judged in examination.findings
    )


def _markdown(comparison: Comparison) -> Iterator[str]:
    yield f"## Audit against {_code(comparison.reference)}"
    yield ""
    open_grants = [grant for grant in comparison.gained if grant not in comparison.covered]
    parts = [
        _count(len(comparison.opened), "finding opens", "findings open"),
        _count(len(comparison.closed), "finding closes", "findings close"),
        _count(len(open_grants), "permission opens", "permissions open"),
        _count(len(comparison.lost), "permission closes", "permissions close"),
        _count(len(comparison.losses), "resource with state is lost", "resources with state are lost"),
    ]
    said = "A person has to agree to this change" if comparison.opens else "Nothing opens that no waiver covers"
    yield f"**{said}**: {', '.join(parts)}."
    if comparison.not_compared:
        sets = ", ".join(comparison.not_compared)
        yield f"\nNot compared, because {_code(comparison.reference)} was not judged by them: {sets}."
    if comparison.problems:
        yield "\n### Waivers that cannot stand\n"
        yield from (f"- {_text(problem)}" for problem in comparison.problems)
    yield from _findings("Findings that open", comparison.opened)
    yield from _findings("Findings that open under a waiver", comparison.excused)
    yield from _findings("Findings that close", comparison.closed)
    yield from _grants("Permissions that open", open_grants)
    yield from _grants("Permissions that open under a waiver", sorted(comparison.covered))
    yield from _grants("Permissions that close", comparison.lost)
    if comparison.losses:
        yield "\n### Resources with state\n"
        yield "| Stack | Resource | Type | What becomes of it | Because of |"
        yield "|---|---|---|---|---|"
        for loss in comparison.losses:
            yield _row(
                _code(loss.stack),
                _code(loss.resource),
                loss.type,
                loss.fate,
                ", ".join(_code(name) for name in loss.properties),
            )


def _findings(title: str, found: Sequence[JudgedFinding]) -> Iterator[str]:
    if not found:
        return
    yield f"\n### {title}\n"
    yield "| Rule | Severity | Template | Resource | What is there |"
    yield "|---|---|---|---|---|"
    for judged in found[:_MOST_ROWS]:
        finding = judged.finding
        place = f"{finding.resource} {finding.path}".strip()
        message = finding.message if judged.waived is None else f"{judged.waived.decision}: {judged.waived.reason}"
        yield _row(_code(finding.rule), finding.severity, _code(finding.file), _code(place), _text(_short(message)))
    yield from _more(len(found))


def _grants(title: str, found: Sequence[Grant]) -> Iterator[str]:
    if not found:
        return
    alike: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for grant in found:
        key = (grant.stack, grant.holder, grant.policy, grant.effect, grant.principal, grant.resource, grant.condition)
        alike[key].append(grant.action)
    yield f"\n### {title}\n"
    yield "| Whose policy | Who | What | On | Only if |"
    yield "|---|---|---|---|---|"
    for (stack, holder, policy, effect, principal, resource, condition), actions in list(alike.items())[:_MOST_ROWS]:
        what = ", ".join(_code(action) for action in actions)
        yield _row(
            f"{_code(f'{stack}/{holder}')} {policy}",
            _text(principal),
            f"{_VERBS[(effect, 'open' in title)]} {what}",
            _code(resource) if resource else "",
            _text(condition),
        )
    yield from _more(len(alike))


def _more(rows: int) -> Iterator[str]:
    if rows > _MOST_ROWS:
        yield f"\n… and {rows - _MOST_ROWS:,} more."


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _count(number: int, one: str, many: str) -> str:
    return f"{number or 'no'} {one if number == 1 else many}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _code(text: str) -> str:
    """A text as code in a table of Markdown: it can hold neither a line's end nor, bare, a bar or a backtick."""
    return f"`{' '.join(text.split()).replace('`', chr(39)).replace('|', chr(92) + '|')}`"


def _text(text: str) -> str:
    """A text in a table of Markdown, with nothing in it that GitHub takes for HTML, a mention or a link."""
    for character in "\\`*_[]<>|@#":
        text = text.replace(character, f"\\{character}")
    return " ".join(text.split())
