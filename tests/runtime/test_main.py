import tarfile
from pathlib import Path
from typing import Protocol

import pytest

from runtime.errors import RowError
from runtime.prediction import predict


class Finished(Protocol):
    returncode: int
    stdout: str
    stderr: str


class Container(Protocol):
    base: Path

    def processing(self, sources: dict[str, str], **inputs: str) -> "Container": ...

    def training(self, sources: dict[str, str], hyperparameters: dict[str, str]) -> "Container": ...

    def run(self, *arguments: str) -> Finished: ...


def last_words(container: Container) -> tuple[str, str]:
    return (
        (container.base / "output/failure").read_text(encoding="utf-8"),
        (container.base / "output/message").read_text(encoding="utf-8"),
    )


def test_a_processing_job_reads_its_inputs_and_writes_its_outputs(
    container: Container, sources: dict[str, str]
) -> None:
    assert container.processing(sources, dataset="ab").run("prepare", "--times", "2").returncode == 0
    assert (container.base / "processing/output/train/rows.txt").read_text() == "abab"
    assert not (container.base / "output").exists()


def test_a_training_job_leaves_a_model_that_carries_its_code(container: Container, sources: dict[str, str]) -> None:
    finished = container.training(sources, {"weight": "2.5"}).run("train")
    assert (finished.returncode, finished.stdout) == (0, "helped\n")
    model = container.base / "model"
    assert (model / "weight.txt").read_text() == "2.5"
    assert sorted(path.name for path in (model / "code").iterdir()) == sorted(sources)
    assert (model / "code").stat().st_mode & 0o005 == 0o005, "whoever serves must be able to read it"


def test_the_model_archive_predicts_with_the_code_in_it(container: Container, sources: dict[str, str]) -> None:
    container.training(sources, {"weight": "2"}).run("train")
    archive = container.base / "model.tar.gz"
    with tarfile.open(archive, "w:gz") as opened:
        opened.add(container.base / "model", arcname=".")
    assert predict(archive=archive, rows=[{"x": 0.25}, {"x": 0.1, "word": "w"}]) == [0.5, 0.2]
    with pytest.raises(RowError, match="row 2: field x is missing"):
        predict(archive=archive, rows=[{"x": 0.25}, {"word": "w"}])


def test_a_fault_of_the_input_fails_the_job_with_one_sentence(container: Container, sources: dict[str, str]) -> None:
    finished = container.processing(sources, dataset="ab").run("prepare", "--times", "two")
    assert finished.returncode == 1
    assert last_words(container) == ("argument times is 'two'; accepted: a whole number.",) * 2
    assert "Traceback" not in finished.stderr


def test_an_exception_of_the_models_code_gives_last_words_and_a_traceback_in_the_log(
    container: Container, sources: dict[str, str]
) -> None:
    broken = {**sources, "prepare.py": "def prepare(job):\n    raise ZeroDivisionError('no flights today')\n"}
    finished = container.processing(broken).run("prepare")
    assert finished.returncode == 1
    assert last_words(container)[0].startswith("ZeroDivisionError: no flights today (")
    assert "prepare.py:2 in prepare)" in last_words(container)[0]
    assert "Traceback" in finished.stderr


def test_last_words_end_after_1024_bytes_and_not_inside_a_character(
    container: Container, sources: dict[str, str]
) -> None:
    broken = {**sources, "prepare.py": "def prepare(job):\n    raise ValueError('ü' * 2000)\n"}
    container.processing(broken).run("prepare")
    content = (container.base / "output/message").read_bytes()
    assert 1020 <= len(content) <= 1024
    assert content.decode("utf-8").startswith("ValueError: üü")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["fly"], "verb 'fly' is unknown; accepted: prepare, check, train, evaluate, monitor, serve."),
        ([], "verb '' is unknown; accepted: prepare, check, train, evaluate, monitor, serve."),
        (["train", "--x", "1"], "train takes hyper-parameters, no arguments; given: --x 1."),
        (["serve"], "the model's code has no serve.py; it has no module."),
    ],
)
def test_a_job_that_cannot_begin_says_why(container: Container, arguments: list[str], sentence: str) -> None:
    assert container.run(*arguments).returncode == 1
    assert last_words(container)[0] == sentence


def test_an_interrupted_training_is_no_failure(container: Container, sources: dict[str, str]) -> None:
    stopped = {
        **sources,
        "train.py": (
            "import os, signal\n"
            "from runtime.errors import Interrupted\n"
            "def train(job):\n"
            "    os.kill(os.getpid(), signal.SIGTERM)\n"
            "    (job.checkpoints / 'round-1').write_text('1')\n"
            "    if job.interruption.requested:\n"
            "        raise Interrupted('stopped after round 1.')\n"
        ),
    }
    finished = container.training(stopped, {}).run("train")
    assert (finished.returncode, finished.stderr) == (143, "stopped after round 1.\n")
    assert not (container.base / "output").exists()
    assert not list((container.base / "model").iterdir())
    assert (container.base / "checkpoints/round-1").exists()
