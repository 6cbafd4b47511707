"""A build's commands in their container, with and without namespaces."""

import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from plumbline.rehearsal.codebuild import commands, environment
from plumbline.rehearsal.codebuild.buildspec import Buildspec, Phase
from plumbline.rehearsal.sagemaker import containers
from plumbline.rehearsal.sagemaker.containers import Containers, Isolation

pytestmark = pytest.mark.thorough(reason="the container of a build starts in no other build's container")

ROOT = Path(__file__).resolve().parents[4]
Lines = Callable[..., list[str]]


@pytest.fixture(params=Isolation)
def mode(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Isolation:
    wanted = Isolation(request.param)
    if wanted is Isolation.NAMESPACE and containers.isolation() is not Isolation.NAMESPACE:
        pytest.skip("this machine's kernel gives no user namespace")
    monkeypatch.setattr(containers, "isolation", lambda: wanted)
    return wanted


@pytest.fixture
def namespaces() -> None:
    if containers.isolation() is not Isolation.NAMESPACE:
        pytest.skip("this machine's kernel gives no user namespace")


def run(folder: Path, *given: str, images: Path | None = None) -> list[str]:
    """What commands write."""
    folder = folder / "a folder"
    folder.mkdir()
    (folder / "home").mkdir()
    (folder / "authority.pem").write_text("authority")
    place = commands.prepare(
        folder=folder / "build", home=folder / "home", images=images, authority=folder / "authority.pem"
    )
    lines: list[str] = []
    commands.run(
        Buildspec(phases={"build": Phase(commands=given)}),
        place=place,
        variables={
            **environment.machine_variables({}, uv_cache=place.uv_cache),
            "CODEBUILD_SRC_DIR": environment.SOURCE,
        },
        containers=Containers(),
        listener=commands.Listener(
            line=lines.append, said=lambda _: None, begun=lambda _: None, ended=lambda _phase, _failed: None
        ),
        seconds=60,
        stop=threading.Event(),
    )
    return lines


@pytest.mark.usefixtures("mode")
def test_commands_find_their_source_tools_and_home(tmp_path: Path) -> None:
    lines = run(
        tmp_path,
        'test "$(pwd -P)" = "$(cd "$CODEBUILD_SRC_DIR" && pwd -P)" && echo source',
        "python3 -c 'import sys; print(sys.version_info[:2])'",
        'echo kept > "$HOME/kept"',
    )
    assert lines == ["source", str(sys.version_info[:2])]
    assert (tmp_path / "a folder" / "home" / "kept").read_text() == "kept\n"


@pytest.mark.usefixtures("mode")
def test_what_a_command_left_running_does_not_hold_the_next_one_up(tmp_path: Path) -> None:
    assert run(tmp_path, "sleep 2722 & echo started", "echo next") == ["started", "next"]


@pytest.mark.usefixtures("mode")
def test_a_last_line_without_an_end_is_a_line(tmp_path: Path) -> None:
    assert run(tmp_path, "printf one", "printf two") == ["one", "two"]


@pytest.mark.usefixtures("namespaces")
def test_of_a_home_around_the_checkout_only_the_checkout_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if ROOT.parent == ROOT.parent.parent:
        pytest.skip("the checkout lies at the root of the file system")
    if tmp_path.is_relative_to(ROOT.parent):
        pytest.skip("the build's own folders lie beside the checkout")
    monkeypatch.setenv("HOME", str(ROOT.parent))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "no cache"))
    lines = run(tmp_path, f"ls -A '{ROOT.parent}'", f"touch '{ROOT}/written' 2>&1 || true", f"ls '{ROOT}/app.py'")
    assert lines[0] == ROOT.name
    assert "Read-only file system" in lines[1]
    assert lines[2:] == [f"{ROOT}/app.py"]


@pytest.mark.usefixtures("namespaces")
def test_a_privileged_build_may_add_to_the_images(tmp_path: Path) -> None:
    images = tmp_path / "images"
    run(tmp_path, f"echo made > '{images}/made'", images=images)
    assert (images / "made").exists()


def test_only_what_leads_to_a_registry_is_passed_on_and_no_password() -> None:
    person = {
        "HTTPS_PROXY": "http://proxy.example:3128",
        "UV_INDEX_URL": "https://person:secret@registry.example/simple",
        "PIP_INDEX_URL": "https://registry.example/simple",
        "GITHUB_TOKEN": "secret",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }
    passed = environment.machine_variables(person, uv_cache=None)
    assert "secret" not in str(passed)
    assert passed["PIP_INDEX_URL"] == "https://registry.example/simple"
    assert passed["NO_PROXY"] == "127.0.0.1,localhost"
