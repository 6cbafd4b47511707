"""A container as SageMaker makes it, around a model small enough to read."""

import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PREPARE = """
from runtime.jobs import ProcessingJob

def prepare(job: ProcessingJob) -> None:
    text = (job.input("dataset") / "rows.txt").read_text()
    (job.output("train") / "rows.txt").write_text(text * job.arguments.integer("times"))
"""
TRAIN = """
from runtime.jobs import TrainingJob
from .helper import SENTENCE

def train(job: TrainingJob) -> None:
    (job.model / "weight.txt").write_text(job.hyperparameters.text("weight"))
    print(SENTENCE)
"""
SERVE = """
import numpy as np
from runtime.columns import Column
from runtime.errors import RowError

class Doubling:
    columns = (Column(name="x", kind="number", low=0, high=0.5), Column(name="word", kind="text", required=False))

    def __init__(self, weight):
        self.weight = weight

    def predict(self, frame):
        for row, word in enumerate(frame["word"]):
            if word == "bad":
                raise RowError(row=row, field="word", problem="is bad")
        return frame["x"].to_numpy() * self.weight

def load(folder):
    return Doubling(float((folder / "weight.txt").read_text()))
"""
SOURCES = {
    "prepare.py": PREPARE,
    "train.py": TRAIN,
    "serve.py": SERVE,
    "helper.py": "SENTENCE = 'helped'\n",
}


def archive_of(sources: Mapping[str, str], path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, text in sources.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return path


class Container:
    """The folders of one container, and the command that runs in it."""

    def __init__(self, base: Path) -> None:
        self.base = base

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "SAGEMAKER_BASE_DIR": str(self.base),
            "RUNTIME_BIND_TO_HOST": "127.0.0.1",
        }

    def processing(self, sources: Mapping[str, str], **inputs: str) -> "Container":
        archive_of(sources, self.base / "processing/input/code/sourcedir.tar.gz")
        for name, text in inputs.items():
            folder = self.base / "processing/input" / name
            folder.mkdir(parents=True)
            (folder / "rows.txt").write_text(text)
        return self

    def training(self, sources: Mapping[str, str], hyperparameters: Mapping[str, str]) -> "Container":
        archive_of(sources, self.base / "input/data/code/sourcedir.tar.gz")
        config = self.base / "input/config"
        config.mkdir(parents=True)
        (config / "hyperparameters.json").write_text(json.dumps(hyperparameters))
        (config / "inputdataconfig.json").write_text(json.dumps({"code": {"TrainingInputMode": "File"}}))
        return self

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "runtime", *arguments],
            env=self.environment,
            cwd=self.base,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture
def container(tmp_path: Path) -> Container:
    base = tmp_path / "ml"
    base.mkdir()
    return Container(base)


@pytest.fixture
def sources() -> dict[str, str]:
    return dict(SOURCES)


@pytest.fixture
def make_archive() -> Callable[[Mapping[str, str], Path], Path]:
    return archive_of
