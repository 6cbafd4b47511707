import json
import os
import re
import signal
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import polars as pl
import pytest

from pipeline_definitions.flight_delays.checkpoints import Checkpoint, Checkpoints
from runtime.errors import JobError
from runtime.layout import Layout

ROOT = Path(__file__).parents[3]
CHECKPOINT = Checkpoint(rounds=10, best_round=7, best_log_loss=0.5, best_precision=0.4, model="tree")


class Training(Protocol):
    def training_container(self, train: Path, *, name: str, hyperparameters: Mapping[str, str] = ...) -> Layout: ...

    def train(self, train: Path, *, name: str, hyperparameters: Mapping[str, str] = ..., mode: str = ...) -> Path: ...

    def trained(self, layout: Layout) -> Path: ...


def start(layout: Layout) -> "subprocess.Popen[str]":
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "SAGEMAKER_BASE_DIR": str(layout.base)}
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "runtime", "train"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def files(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as opened:
        return {
            member.name: content.read()
            for member in opened
            if member.isfile() and (content := opened.extractfile(member)) is not None
        }


@pytest.mark.thorough(reason="it trains twice, in processes that end by a signal")
def test_an_interrupted_training_ends_with_the_model_of_an_uninterrupted_one(
    jobs: Training, prepared: Path, archive: Path
) -> None:
    layout = jobs.training_container(prepared / "train", name="interrupted")
    first = start(layout)
    assert first.stdout is not None
    for line in first.stdout:
        if line.startswith("round 20:"):
            first.send_signal(signal.SIGTERM)
            break
    rest = first.stdout.read()
    assert first.wait(timeout=60) == 143, rest
    assert not (layout.model / "model.txt").exists()
    stopped_after = int(re.findall(r"interrupted after round (\d+)", rest)[0])

    second = start(layout)
    output, _ = second.communicate(timeout=60)
    assert second.returncode == 0, output
    assert f"starting at round {stopped_after}\n" in output, "a resumed run repeats at most an interval"
    trained = files(archive)
    assert (layout.model / "model.txt").read_bytes() == trained["./model.txt"]
    assert (layout.model / "model.json").read_bytes() == trained["./model.json"]


@pytest.mark.thorough(reason="it trains twice, in processes that end by a signal")
def test_a_killed_training_repeats_at_most_one_interval(jobs: Training, prepared: Path, archive: Path) -> None:
    layout = jobs.training_container(prepared / "train", name="killed")
    first = start(layout)
    assert first.stdout is not None
    reported = 0
    for line in first.stdout:
        if line.startswith("round 20:"):
            reported = 20
            first.kill()
            break
    first.wait(timeout=60)
    second = start(layout)
    output, _ = second.communicate(timeout=60)
    resumed_at = int(re.findall(r"starting at round (\d+)", output)[0])
    assert resumed_at >= reported > 0
    assert (layout.model / "model.txt").read_bytes() == files(archive)["./model.txt"]


def test_checkpoints_of_other_data_are_ignored(
    jobs: Training, prepared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layout = jobs.training_container(prepared / "train", name="stale")
    Checkpoints(folder=_made(layout.checkpoints), fingerprint="of other data").write(CHECKPOINT)
    jobs.trained(layout)
    assert "starting at round 0\n" in capsys.readouterr().out


def test_the_model_carries_every_module_that_serves_it(archive: Path) -> None:
    names = {Path(name).name for name in files(archive)}
    assert {"model.txt", "model.json", "serve.py", "features.py", "encoding.py"} <= names
    assert not {"pipeline.py", "data.py"} & names


def test_the_vocabulary_is_that_of_the_training_rows(archive: Path, prepared: Path) -> None:
    content = json.loads(files(archive)["./model.json"])
    carriers = pl.read_parquet(prepared / "train" / "part-00000.parquet")["carrier"].unique().sort().to_list()
    assert content["vocabularies"]["carrier"] == carriers


@pytest.mark.parametrize("mode", ["File", "Pipe"])
def test_the_way_the_rows_come_in_changes_nothing(jobs: Training, prepared: Path, archive: Path, mode: str) -> None:
    assert files(jobs.train(prepared / "train", name=f"train-{mode}", mode=mode)) == files(archive)


def test_rows_of_one_class_are_refused(jobs: Training, prepared: Path, tmp_path: Path) -> None:
    rows = pl.read_parquet(prepared / "train" / "part-00000.parquet").with_columns(late=pl.lit(False))
    rows.write_parquet(tmp_path / "part.parquet")
    with pytest.raises(Exception, match="do not hold both classes each"):
        jobs.train(tmp_path, name="one-class")


def test_a_missing_hyperparameter_is_named(jobs: Training, prepared: Path) -> None:
    with pytest.raises(JobError, match="hyper-parameter seed is missing"):
        jobs.train(prepared / "train", name="no-seed", hyperparameters={})


def test_the_last_whole_checkpoint_is_taken(tmp_path: Path) -> None:
    checkpoints = Checkpoints(folder=tmp_path, fingerprint="f")
    checkpoints.write(CHECKPOINT)
    (tmp_path / "checkpoint-000020.json").write_text('{"fingerprint": "f", "rou')
    assert checkpoints.latest() == CHECKPOINT


def test_two_checkpoints_are_kept(tmp_path: Path) -> None:
    checkpoints = Checkpoints(folder=tmp_path, fingerprint="f")
    for rounds in (10, 20, 30):
        checkpoints.write(Checkpoint(rounds=rounds, best_round=1, best_log_loss=1.0, best_precision=0.1, model=""))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-000020.json", "checkpoint-000030.json"]


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder
