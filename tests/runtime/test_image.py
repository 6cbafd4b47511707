"""Every path and command of the Dockerfile that can be checked without a Docker daemon."""

import ast
import ensurepip
import importlib.util
import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
RUNTIME = ROOT / "runtime"


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"\\\n\s*", " ", (RUNTIME / "Dockerfile").read_text(encoding="utf-8"))
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in lines]


def of(name: str) -> list[str]:
    return [value for instruction, value in instructions() if instruction == name]


def locked() -> dict[str, str]:
    """Requirement → the rest of its entry, hashes and all."""
    text = re.sub(r"\\\n\s*", " ", (RUNTIME / "requirements.txt").read_text(encoding="utf-8"))
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    return {re.split(r"[ ;]", line, maxsplit=1)[0]: line for line in lines}


def direct() -> list[str]:
    lines = (RUNTIME / "requirements.in").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_only_instructions_of_docker_are_used() -> None:
    assert {name for name, _ in instructions()} <= {
        "ARG", "FROM", "RUN", "COPY", "ENV", "WORKDIR", "EXPOSE", "ENTRYPOINT",
    }  # fmt: skip


def test_the_base_is_pinned_by_a_full_version() -> None:
    assert of("FROM") == ["${BASE}"]
    (base,) = of("ARG")
    assert re.fullmatch(r"BASE=python:3\.11\.\d+-slim-bookworm", base)


def test_everything_copied_exists_and_is_let_into_the_build() -> None:
    allowed = [line[1:] for line in (RUNTIME / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for copied in of("COPY"):
        *sources, target = copied.split()
        assert target.startswith("/opt/program/")
        for source in sources:
            assert list(RUNTIME.glob(source)), source
            assert source in allowed


def test_every_module_and_template_of_the_runtime_is_copied() -> None:
    assert {path.suffix for path in RUNTIME.rglob("*") if path.is_file() and "__pycache__" not in path.parts} <= {
        ".py", ".html", ".txt", ".in", "", ".dockerignore",
    }  # fmt: skip
    copied = [path for line in of("COPY") for source in line.split()[:-1] for path in RUNTIME.glob(source)]
    for suffix in (".py", ".html"):
        assert sorted(RUNTIME.rglob(f"*{suffix}")) == sorted(path for path in copied if path.suffix == suffix)


def test_pip_takes_every_flag_that_the_image_gives_it() -> None:
    """Asks the pip that Python brings along, without installing it."""
    (command,) = (run for run in of("RUN") if "pip install" in run)
    words = shlex.split(command)
    assert words[:4] == ["python", "-m", "pip", "install"]
    (wheel,) = (Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl")
    accepted = subprocess.run(
        [sys.executable, str(wheel / "pip"), "install", "--help"], capture_output=True, text=True, check=True
    ).stdout
    flags = [word for word in words if word.startswith("--")]
    assert "--require-hashes" in flags
    for flag in flags:
        assert re.search(rf"{flag}\b", accepted), flag


def test_every_requirement_has_hashes_and_an_exact_version() -> None:
    for requirement, entry in locked().items():
        assert re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", requirement), requirement
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), requirement


def test_the_lock_names_no_index() -> None:
    assert not re.search(r"https?://|--index-url|--find-links", (RUNTIME / "requirements.txt").read_text())


def test_the_lock_holds_what_the_runtime_asks_for() -> None:
    assert set(direct()) <= set(locked())


def test_the_app_tests_the_runtime_with_the_same_versions() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert set(direct()) <= set(project["project"]["dependencies"])


def test_lightgbms_openmp_is_installed() -> None:
    assert any("install --yes --no-install-recommends libgomp1" in run for run in of("RUN"))


def test_the_entry_point_runs_in_the_layout_of_the_image(tmp_path: Path) -> None:
    """The same files in the same places, with the image's PYTHONPATH moved to where the files are."""
    program = tmp_path / "opt/program"
    for copied in of("COPY"):
        *sources, target = copied.split()
        for path in [found for source in sources for found in RUNTIME.glob(source)]:
            place = tmp_path / target.lstrip("/")
            place = place / path.name if target.endswith("/") else place
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(path.read_bytes())
    assert "PYTHONPATH=/opt/program" in of("ENV")[0].split()
    (workdir,), (entry_point,) = of("WORKDIR"), of("ENTRYPOINT")
    assert tmp_path / workdir.lstrip("/") == program
    command = json.loads(entry_point)
    assert command[0] == "python"
    finished = subprocess.run(
        [sys.executable, *command[1:], "fly"],
        env={"PYTHONPATH": str(program), "SAGEMAKER_BASE_DIR": str(tmp_path / "ml")},
        cwd=program,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (finished.returncode, finished.stderr) == (
        1,
        "verb 'fly' is unknown; accepted: prepare, check, train, evaluate, monitor, serve.\n",
    )


def test_the_image_listens_where_sagemaker_knocks() -> None:
    assert of("EXPOSE") == ["8080"]
    assert "_DEFAULT_PORT = 8080" in (RUNTIME / "verbs.py").read_text(encoding="utf-8")


def test_the_runtime_imports_only_itself_and_its_locked_libraries() -> None:
    """No module of this project, no AWS SDK: a container has neither network nor credentials."""
    libraries = {
        *("lightgbm", "numpy", "polars", "pyarrow", "sklearn", "starlette", "uvicorn"),
        *("jinja2", "matplotlib", "pydantic"),
    }
    for path in RUNTIME.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            for name in names:
                top = name.partition(".")[0]
                assert top in libraries | {"runtime"} | sys.stdlib_module_names, f"{path.name} imports {name}"
                if top == "runtime":
                    assert importlib.util.find_spec(name) is not None
