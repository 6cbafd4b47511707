"""A small dataset of real flights (every fifth one), taken through the jobs once a session."""

import hashlib
import io
import json
import os
import shutil
import signal
import tarfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import polars as pl
import pytest

from pipeline_definitions.flight_delays.data import Dataset, dataset
from pipeline_definitions.flight_delays.features import INPUTS
from pipeline_definitions.flight_delays.prepare import labelled
from plumbline.configuration import Model, code_archive, load_model
from runtime import verbs
from runtime.layout import Layout
from tests.runtime.labelled import bring

FOLDER = Path(__file__).parents[3] / "pipeline_definitions" / "flight_delays"
HYPERPARAMETERS = {
    "seed": "1",
    "learning_rate": "0.1",
    "num_leaves": "15",
    "min_data_in_leaf": "50",
    "max_rounds": "60",
    "patience": "30",
    "validation_share": "0.2",
    "checkpoint_rounds": "10",
    "threads": "1",
}

MONITORING = load_model(FOLDER).monitoring
assert MONITORING is not None
CHECKS = json.dumps(MONITORING.document)


class Jobs:
    """Runs the model's jobs in this process, each in a container of its own below a folder."""

    def __init__(self, folder: Path, code: bytes) -> None:
        self.folder = folder
        self.code = code

    def container(self, name: str) -> Layout:
        return Layout(base=self.folder / name)

    def prepare(
        self,
        raw: Path,
        *,
        name: str = "prepare",
        test_days: int = 16,
        windows: Mapping[str, pl.DataFrame] = MappingProxyType({}),
    ) -> Path:
        """Returns the folder that holds `train`, `test` and `newest`."""
        layout = self.container(name)
        self._code(layout.processing_input("code"))
        shutil.copytree(raw, layout.processing_input("dataset"))
        identifier = sealed(layout.processing_input("dataset"))
        labelled_id = bring(layout.processing_input("labelled"), windows)
        arguments = ["--test-days", str(test_days), "--dataset-id", identifier, "--labelled-id", labelled_id]
        verbs.process("prepare", layout=layout, arguments=arguments)
        return layout.base / "processing" / "output"

    def training_container(
        self,
        train: Path,
        *,
        name: str,
        hyperparameters: Mapping[str, str] = HYPERPARAMETERS,
        mode: str = "FastFile",
    ) -> Layout:
        layout = self.container(name)
        self._code(layout.channel("code"))
        if mode == "Pipe":
            # As SageMaker does it: the objects one after the other into a FIFO of the first epoch.
            fifo = layout.channel("train_0")
            os.mkfifo(fifo)
            content = b"".join(path.read_bytes() for path in sorted(train.iterdir()))
            threading.Thread(target=fifo.write_bytes, args=(content,), daemon=True).start()
        else:
            shutil.copytree(train, layout.channel("train"))
        layout.hyperparameters.parent.mkdir(parents=True)
        layout.hyperparameters.write_text(json.dumps(hyperparameters))
        modes = {"code": {"TrainingInputMode": "File"}, "train": {"TrainingInputMode": mode}}
        layout.input_data_config.write_text(json.dumps(modes))
        return layout

    def train(
        self,
        train: Path,
        *,
        name: str,
        hyperparameters: Mapping[str, str] = HYPERPARAMETERS,
        mode: str = "FastFile",
    ) -> Path:
        """Returns the model's archive."""
        return self.trained(self.training_container(train, name=name, hyperparameters=hyperparameters, mode=mode))

    def trained(self, layout: Layout) -> Path:
        """Trains in a container that is there; returns the model's archive."""
        before = signal.getsignal(signal.SIGTERM)
        try:
            verbs.train(layout=layout, arguments=[])
        finally:
            signal.signal(signal.SIGTERM, before)
        return self.archived(layout.model)

    def archived(self, model: Path) -> Path:
        path = model.with_name("model.tar.gz")
        with tarfile.open(path, "w:gz") as archive:
            archive.add(model, arcname=".")
        return path

    def evaluate(
        self, archive: Path, prepared: Path, *, name: str, champion: Path | None = None, resamples: int = 200
    ) -> dict[str, dict[str, dict[str, float]]]:
        """Returns evaluation.json."""
        layout = self.container(name)
        self._code(layout.processing_input("code"))
        for part in ("train", "test", "newest"):
            shutil.copytree(prepared / part, layout.processing_input(part))
        layout.processing_input("model").mkdir()
        shutil.copy(archive, layout.processing_input("model") / "model.tar.gz")
        layout.processing_input("champion").mkdir()
        if champion:
            shutil.copy(champion, layout.processing_input("champion") / "model.tar.gz")
        else:
            (layout.processing_input("champion") / "none.json").write_text("{}")
        arguments = ["--confidence", "0.95", "--resamples", str(resamples), "--checks-1", CHECKS[:200]]
        verbs.process("evaluate", layout=layout, arguments=[*arguments, "--checks-2", CHECKS[200:]])
        report: dict[str, dict[str, dict[str, float]]] = json.loads(
            (layout.processing_output("evaluation") / "evaluation.json").read_text()
        )
        return report

    def check(
        self, prepared: Path, *, name: str, baselines: Path, windows: Mapping[str, pl.DataFrame]
    ) -> list[dict[str, str]]:
        """Returns the violations, or raises what the job does."""
        layout = self.container(name)
        labelled_id = bring(layout.processing_input("labelled"), windows)
        shutil.copytree(prepared / "train", layout.processing_input("train"))
        shutil.copytree(baselines, layout.processing_input("baseline"))
        arguments = ["--labelled-id", labelled_id, "--inputs-1", json.dumps([column.name for column in INPUTS])]
        verbs.check(layout=layout, arguments=arguments)
        path = layout.processing_output("check") / "constraint_violations.json"
        found: list[dict[str, str]] = json.loads(path.read_text())["violations"]
        return found

    def monitor(
        self, archive: Path, baselines: Path, data: Path, *, name: str, window: str = "windows/w/window.json"
    ) -> Path:
        """Returns the folder of the report."""
        layout = self.container(name)
        shutil.copytree(data, layout.processing_input("data"))
        shutil.copytree(baselines, layout.processing_input("baseline"))
        layout.processing_input("model").mkdir()
        shutil.copy(archive, layout.processing_input("model") / "model.tar.gz")
        verbs.monitor(layout=layout, arguments=["--window", window])
        return layout.processing_output("report")

    def _code(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        (folder / "sourcedir.tar.gz").write_bytes(self.code)


def sealed(folder: Path) -> str:
    """Has dataset.json, when it is there, describe the files that are there; returns the identifier."""
    path = folder / "dataset.json"
    if not path.exists():
        return "unknown"
    files = {table.name: {"sha256": hashlib.sha256(table.read_bytes()).hexdigest()} for table in folder.glob("*.csv")}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"files": files}))
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def with_changes(code: bytes, changes: Sequence[tuple[str, str, str]]) -> bytes:
    """The archive with texts replaced, each (module, text before, text after); each text must be there."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(code)) as old, tarfile.open(fileobj=buffer, mode="w:gz") as new:
        for member in old:
            content = old.extractfile(member)
            assert content is not None
            text = content.read().decode()
            for _, before, after in (change for change in changes if change[0] == member.name):
                assert before in text, before
                text = text.replace(before, after)
            entry = tarfile.TarInfo(member.name)
            entry.size = len(text.encode())
            new.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()


@pytest.fixture(scope="session")
def model() -> Model:
    return load_model(FOLDER)


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return dataset(folder=tmp_path_factory.mktemp("full"))


@pytest.fixture(scope="session")
def raw(full: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    shutil.copytree(full.folder, folder, dirs_exist_ok=True)
    header, *lines = (full.folder / "flights.csv").read_text().splitlines(keepends=True)
    (folder / "flights.csv").write_text("".join([header, *lines[::5]]))
    return folder


@pytest.fixture(scope="session")
def jobs(tmp_path_factory: pytest.TempPathFactory, model: Model) -> Jobs:
    return Jobs(tmp_path_factory.mktemp("jobs"), code_archive(model))


@pytest.fixture
def changed_jobs(tmp_path: Path, model: Model) -> Callable[[Sequence[tuple[str, str, str]]], Jobs]:
    """Jobs that run changed code, from changes as `with_changes` takes them."""
    return lambda changes: Jobs(tmp_path / "changed", with_changes(code_archive(model), changes))


@pytest.fixture(scope="session")
def prepared(jobs: Jobs, raw: Path) -> Path:
    return jobs.prepare(raw)


@pytest.fixture(scope="session")
def test_rows(prepared: Path) -> pl.DataFrame:
    return pl.read_parquet(prepared / "test" / "part-00000.parquet")


@pytest.fixture(scope="session")
def archive(jobs: Jobs, prepared: Path) -> Path:
    return jobs.train(prepared / "train", name="train")


@pytest.fixture(scope="session")
def april(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, pl.DataFrame]:
    """Every fifth flight of the first twelve days of April, as production writes them: a window a day."""
    rows = labelled(dataset(folder=tmp_path_factory.mktemp("april"), months=[4]).folder).gather_every(5)
    return {
        f"201304{day:02}T0000Z": rows.filter(pl.col("day") == day).with_columns(
            pl.col("late").cast(pl.Int8),
            pl.lit(0.25).alias("probability"),
            pl.format("{}-{}", "day", pl.int_range(pl.len())).alias("inference_id"),
        )
        for day in range(1, 13)
    }


@pytest.fixture(scope="session")
def full_folder(full: Dataset) -> Path:
    return full.folder


@pytest.fixture(scope="session")
def definition(model: Model) -> Path:
    return model.definition_path
