"""Which part of the house may know which: `app → stacks → mlops_constructs → plumbline.configuration`, and so on."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

_OURS = {"app", "benchmarks", "functions", "mlops_constructs", "pipeline_definitions", "plumbline", "runtime", "stacks"}

# Folder or file → the parts of the house that it may import, itself included. The longest match counts.
_MAY_IMPORT = {
    "app.py": ("stacks", "plumbline.audit", "plumbline.configuration", "plumbline.errors"),
    "stacks": ("stacks", "mlops_constructs", "plumbline.configuration"),
    "constructs/mlops_constructs": ("mlops_constructs", "plumbline.configuration", "plumbline.errors"),
    "plumbline/configuration": ("plumbline.configuration", "plumbline.errors"),
    "plumbline/errors.py": (),
    "plumbline/audit": (
        "plumbline.audit",
        "plumbline.configuration",
        "plumbline.errors",
        "plumbline.toolchain",
        "mlops_constructs.waiver",
    ),
    "plumbline/accounts": (
        "plumbline.accounts",
        "plumbline.configuration",
        "plumbline.errors",
        "plumbline.toolchain",
    ),
    "plumbline/delivery": (
        "plumbline.delivery",
        "plumbline.audit",
        "plumbline.configuration",
        "plumbline.errors",
        "plumbline.toolchain",
    ),
    "pipeline_definitions": ("pipeline_definitions", "runtime", "plumbline.configuration"),
    "runtime": ("runtime",),
    "functions": ("functions",),
}


def _modules(path: Path) -> Iterator[str]:
    """Every module that a file imports, those inside functions too; relative ones made absolute."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                package = path.relative_to(ROOT).parts[: -node.level]
                yield ".".join([*package, *([node.module] if node.module else [])])
            else:
                yield node.module or ""


def _files(part: str) -> list[Path]:
    path = ROOT / part
    return [path] if path.is_file() else sorted(path.rglob("*.py"))


def _forbidden(path: Path, allowed: tuple[str, ...]) -> list[str]:
    return [
        module
        for module in _modules(path)
        if module.split(".")[0] in _OURS
        and not any(module == part or module.startswith(f"{part}.") for part in allowed)
    ]


@pytest.mark.parametrize("part", _MAY_IMPORT)
def test_a_part_imports_only_what_lies_below_it(part: str) -> None:
    for path in _files(part):
        assert not _forbidden(path, _MAY_IMPORT[part]), path.relative_to(ROOT)


def test_a_forbidden_import_would_be_found(tmp_path: Path) -> None:
    culprit = tmp_path / "culprit.py"
    culprit.write_text("def late() -> None:\n    from stacks.serving import ServingStack\n")
    assert _forbidden(culprit, _MAY_IMPORT["constructs/mlops_constructs"]) == ["stacks.serving"]


@pytest.mark.parametrize("part", ["app.py", "stacks", "constructs"])
def test_what_is_deployed_has_never_heard_of_the_laptop(part: str) -> None:
    for path in _files(part):
        assert "rehears" not in path.read_text(encoding="utf-8").lower(), path.relative_to(ROOT)


def test_stacks_define_no_resource() -> None:
    for path in _files("stacks"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "aws_cdk":
                allowed = {"App", "CfnParameter", "DefaultStackSynthesizer", "Environment", "Stack", "Stage"}
                assert {alias.name for alias in node.names} <= allowed, path.name
            if isinstance(node, ast.Import):
                assert not any(alias.name.startswith("aws_cdk") for alias in node.names), path.name


def test_the_constructs_folder_is_a_source_root() -> None:
    # With an __init__.py of its own, it would hide the package `constructs` that aws_cdk is built on.
    assert not (ROOT / "constructs" / "__init__.py").exists()


def test_the_app_reads_like_a_table_of_contents() -> None:
    assert len((ROOT / "app.py").read_text(encoding="utf-8").splitlines()) <= 40
