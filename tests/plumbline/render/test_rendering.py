import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from plumbline.configuration import Model, load_model
from plumbline.errors import PlumblineError
from plumbline.render import difference, is_stale, render, rendering, write
from plumbline.render.offline import offline_session

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "pipeline_definitions" / "flight_delays"

# Refuses every connection and every look-up of a name, also of threads that hide it, then prints the definition.
IN_ANOTHER_WORLD = """
import socket, sys, threading
from pathlib import Path

attempts = []

def refuse(*arguments, **named):
    attempts.append(arguments)
    raise OSError("there is no network")

socket.getaddrinfo = socket.socket.connect = socket.socket.connect_ex = socket.create_connection = refuse
from plumbline.configuration import load_model
from plumbline.render import render
sys.stdout.write(render(load_model(Path(sys.argv[1]))))
for thread in threading.enumerate():
    if thread is not threading.main_thread():
        thread.join(10)
sys.exit(f"network: {attempts}" if attempts else 0)
"""


@pytest.fixture
def copy(tmp_path: Path) -> Model:
    """A copy of the model, to be changed."""
    return copied(tmp_path)


def copied(folder: Path) -> Model:
    shutil.copytree(FOLDER, folder / "flight_delays", ignore=shutil.ignore_patterns("__pycache__"))
    return load_model(folder / "flight_delays")


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rendering that takes no time, for what is done with its text."""
    monkeypatch.setattr(rendering, "render", lambda _: "{}\n")


def change(model: Model, name: str, before: str, after: str) -> None:
    path = model.folder / name
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")


def test_the_committed_definition_is_up_to_date() -> None:
    assert difference(load_model(FOLDER)) == ""


@pytest.mark.thorough(reason="another home and hash seed take a process of their own, which loads the SDK anew")
def test_the_same_folder_renders_alike_elsewhere_without_a_network(copy: Model, tmp_path: Path) -> None:
    """Another path, home, hash seed, time zone and region, a profile and the SDK's own defaults on the machine."""
    home = tmp_path / "home"
    variables = "{Environment: {DEFAULT: of this machine}}"
    defaults = f"SchemaVersion: '1.0'\nSageMaker: {{TrainingJob: {variables}, ProcessingJob: {variables}}}\n"
    for folder in (home / ".config/sagemaker", home / ".aws"):
        folder.mkdir(parents=True)
    (home / ".config/sagemaker/config.yaml").write_text(defaults)
    (home / ".aws/config").write_text("[profile other]\nregion = ap-southeast-2\n")
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "HOME": str(home),
        "PYTHONHASHSEED": "4711",
        "TZ": "Pacific/Kiritimati",
        "AWS_PROFILE": "other",
        "AWS_DEFAULT_REGION": "us-gov-west-1",
    }
    finished = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", IN_ANOTHER_WORLD, str(copy.folder)],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout == (FOLDER / "definition.json").read_text(encoding="utf-8")


def test_changed_code_makes_the_definition_stale(copy: Model) -> None:
    assert not is_stale(copy)
    (copy.folder / "features.py").write_text("# another feature\n", encoding="utf-8")
    assert "sourcedir.tar.gz" in difference(copy)


def test_writing_makes_it_up_to_date_again(copy: Model) -> None:
    change(copy, "pipeline.py", "TEST_DAYS = 16", "TEST_DAYS = 7")
    assert is_stale(copy)
    assert write(copy) == copy.definition_path
    assert not is_stale(copy)


def test_a_changed_split_prepares_elsewhere_so_that_training_cannot_hit_its_cache(copy: Model) -> None:
    change(copy, "pipeline.py", "TEST_DAYS = 16", "TEST_DAYS = 7")
    changed, committed = (json.loads(text)["Steps"][0] for text in (render(copy), copy.definition_path.read_text()))
    uris = [
        [output["S3Output"]["S3Uri"] for output in step["Arguments"]["ProcessingOutputConfig"]["Outputs"]]
        for step in (changed, committed)
    ]
    assert uris[0] != uris[1]


@pytest.fixture(scope="module")
def configured(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The definition of the model with another configuration."""
    model = copied(tmp_path_factory.mktemp("configured"))
    change(model, "model.toml", "resamples = 1000", "resamples = 4321")
    change(model, "model.toml", "spot = true\n", "spot = false\n")
    change(model, "model.toml", "max_wait_seconds = 7200\n", "")
    change(model, "model.toml", 'mode = "manual"', 'mode = "automatic"')
    return render(load_model(model.folder))


def test_configuration_reaches_the_definition(configured: str) -> None:
    assert '"4321"' in configured


def test_a_model_without_spot_waits_for_nothing(configured: str) -> None:
    assert '"EnableManagedSpotTraining": false' in configured
    assert "MaxWaitTimeInSeconds" not in configured


def test_automatic_approval_registers_approved_versions(configured: str) -> None:
    assert '"ModelApprovalStatus": "Approved"' in configured


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ('"${SubnetB}"', '"${SubnetC}"', r"unknown placeholder \$\{SubnetC\}"),
        (
            '"/train"]',
            '"/", ExecutionVariables.PIPELINE_EXECUTION_ID]',
            "arguments of the cached step Prepare hold a value of the execution",
        ),
        (
            "max_runtime_in_seconds=compute.max_runtime_seconds,\n        network",
            "max_runtime_in_seconds=0,\n        network",
            "step Prepare: CreateProcessingJob would refuse its arguments: .*MaxRuntimeInSeconds",
        ),
    ],
    ids=["placeholder", "cache", "arguments"],
)
def test_a_definition_that_would_fail_later_is_refused(copy: Model, before: str, after: str, sentence: str) -> None:
    change(copy, "pipeline.py", before, after)
    with pytest.raises(PlumblineError, match=sentence):
        render(copy)


def test_a_refused_definition_leaves_the_committed_one_alone(copy: Model) -> None:
    committed = copy.definition_path.read_text(encoding="utf-8")
    change(copy, "pipeline.py", '"${SubnetB}"', '"${SubnetC}"')
    with pytest.raises(PlumblineError):
        write(copy)
    assert copy.definition_path.read_text(encoding="utf-8") == committed
    assert not list(copy.folder.glob(".*"))


def test_a_model_without_a_pipeline_is_told(copy: Model) -> None:
    (copy.folder / "pipeline.py").unlink()
    with pytest.raises(PlumblineError, match=r"pipeline\.py: there is no such file"):
        render(copy)


def line_of(model: Model, text: str) -> int:
    lines = (model.folder / "pipeline.py").read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, start=1) if text in line)


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("TEST_DAYS = 16", "TEST_DAYS = 16 / 0", "ZeroDivisionError: division by zero"),
        ("TEST_DAYS = 16", "TEST_DAYS = = 16", "SyntaxError: invalid syntax"),
        (
            "from typing import cast",
            "from typing import caste",
            "ImportError: cannot import name 'caste' from 'typing'",
        ),
        ("places = Places(model, parameters)", "places = Place(model, parameters)", "NameError: name 'Place' is not"),
        (
            "instance_type=compute.instance_type,\n            instance_count",
            "instance_type={},\n            instance_count",
            "ValidationError: 2 validation errors for Compute",
        ),
    ],
    ids=["import", "syntax", "import of another", "define", "several lines"],
)
def test_an_error_in_a_models_pipeline_is_told_by_its_line(copy: Model, before: str, after: str, sentence: str) -> None:
    change(copy, "pipeline.py", before, after)
    line = line_of(copy, "compute=Compute(" if "\n" in after else after)
    with pytest.raises(PlumblineError) as raised:
        render(copy)
    assert str(raised.value).startswith(f"flight_delays/pipeline.py:{line}: {sentence}")
    assert "\n" not in str(raised.value)
    assert raised.value.exit_code == 2


def test_a_pipeline_without_define_is_told(copy: Model) -> None:
    change(copy, "pipeline.py", "def define(", "def defined(")
    with pytest.raises(PlumblineError, match=r"pipeline\.py: it has no function define\(model, session\)"):
        render(copy)


@pytest.mark.usefixtures("rendered")
@pytest.mark.parametrize("step", ["write_text", "replace"])
def test_a_definition_that_cannot_be_written_is_told(copy: Model, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    committed = copy.definition_path.read_bytes()
    whole = Path.write_text

    def fill_the_disk(path: Path, *_: object, **__: object) -> None:
        whole(path, "{", encoding="utf-8")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, step, fill_the_disk)
    with pytest.raises(PlumblineError, match=r"definition\.json: it cannot be written \(No space left on device\)"):
        write(copy)
    assert copy.definition_path.read_bytes() == committed
    assert not list(copy.folder.glob(".*"))


@pytest.mark.usefixtures("rendered")
def test_an_interrupted_write_leaves_nothing_beside(copy: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write(copy)
    assert not list(copy.folder.glob(".*"))


def test_the_session_refuses_uploads(tmp_path: Path) -> None:
    with (
        offline_session() as session,
        pytest.raises(PlumblineError, match="accepted: an s3:// URI named by content"),
    ):
        session.upload_data(str(tmp_path))


def test_the_surroundings_are_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "mine")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    with offline_session():
        assert "AWS_PROFILE" not in os.environ
    assert os.environ["AWS_PROFILE"] == "mine"
    assert "AWS_ACCESS_KEY_ID" not in os.environ
