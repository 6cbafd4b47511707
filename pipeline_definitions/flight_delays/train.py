"""Gradient-boosted trees, trained in intervals that each begin at a checkpoint.

An interval is trained from what the checkpoint before it holds and from nothing else: an uninterrupted run reads its
own checkpoints as a resumed one does. So a resumed run repeats at most one interval and ends with the same bytes.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import lightgbm
import numpy as np
import numpy.typing as npt
import polars as pl

from runtime.errors import Interrupted, JobError
from runtime.interruption import Interruption
from runtime.jobs import TrainingJob
from runtime.values import Values

from .checkpoints import Checkpoint, Checkpoints
from .encoding import Encoding
from .features import LABEL
from .prepare import FEATURE_PREFIX


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The hyper-parameters.

    Attributes:
        checkpoint_rounds: Rounds of an interval; to be trained in far less than the 120 seconds that SageMaker leaves
            between SIGTERM and SIGKILL.
        max_rounds: Rounds after which training ends at the latest.
        patience: Rounds without a better log loss on the validation rows, after which it ends.
        validation_share: Share of the training rows, the last ones in time, that early stopping looks at.
        threads: Fixed, since the order of additions, and with it the model's last bits, depends on it.
    """

    seed: int
    learning_rate: float
    num_leaves: int
    min_data_in_leaf: int
    max_rounds: int
    patience: int
    validation_share: float
    checkpoint_rounds: int
    threads: int

    @classmethod
    def of(cls, values: Values) -> "Settings":
        """Reads the job's hyper-parameters.

        Raises:
            JobError: One is missing or no number.
        """
        return cls(
            seed=values.integer("seed"),
            learning_rate=values.number("learning_rate"),
            num_leaves=values.integer("num_leaves"),
            min_data_in_leaf=values.integer("min_data_in_leaf"),
            max_rounds=values.integer("max_rounds"),
            patience=values.integer("patience"),
            validation_share=values.number("validation_share"),
            checkpoint_rounds=values.integer("checkpoint_rounds"),
            threads=values.integer("threads"),
        )

    @property
    def booster(self) -> dict[str, str | int | float | bool | list[str]]:
        """LightGBM's parameters: the same data gives the same trees, bit by bit."""
        return {
            "objective": "binary",
            "metric": ["binary_logloss", "average_precision"],
            "learning_rate": self.learning_rate,
            "num_leaves": self.num_leaves,
            "min_data_in_leaf": self.min_data_in_leaf,
            "cat_smooth": 50.0,
            "seed": self.seed,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": self.threads,
            "verbosity": -1,
        }


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Rows to train on and rows to stop by."""

    train: lightgbm.Dataset
    validation: lightgbm.Dataset
    fingerprint: str


def train(job: TrainingJob) -> None:
    """Reads the channel `train`, writes `model.txt` and `model.json`; resumes from a checkpoint of the same training.

    Raises:
        JobError: The channel or the hyper-parameters do not fit.
        Interrupted: SIGTERM came; everything up to now is in a checkpoint.
    """
    settings = Settings.of(job.hyperparameters)
    prepared = job.channels["train"].read_parquet()
    features = prepared.select(pl.col(f"^{FEATURE_PREFIX}.*$").name.replace(f"^{FEATURE_PREFIX}", ""))
    encoding = Encoding.learned(features)
    labels = prepared[LABEL].cast(pl.Float64).to_numpy()
    rows = split(encoding.matrix(features), labels, encoding=encoding, settings=settings)
    checkpoints = Checkpoints(folder=job.checkpoints, fingerprint=rows.fingerprint)
    final = boost(rows, settings=settings, checkpoints=checkpoints, interruption=job.interruption)
    print(f"validation:log_loss={final.best_log_loss:.6f} validation:average_precision={final.best_precision:.6f}")
    save(final, encoding=encoding, folder=job.model)


def split(
    matrix: npt.NDArray[np.float64], labels: npt.NDArray[np.float64], *, encoding: Encoding, settings: Settings
) -> Rows:
    """Cuts the rows, which are in the order of time, into those to train on and a tail to stop by.

    Raises:
        JobError: The rows to train on hold one class only.
    """
    first = int(len(labels) * (1 - settings.validation_share))
    if len(np.unique(labels[:first])) < 2 or len(np.unique(labels[first:])) < 2:
        raise JobError(f"{first} rows to train on and {len(labels) - first} to stop by do not hold both classes each.")
    training = lightgbm.Dataset(
        matrix[:first],
        label=labels[:first],
        feature_name=list(encoding.columns),
        categorical_feature=encoding.categorical,
        params=settings.booster,
        free_raw_data=False,
    )
    validation = lightgbm.Dataset(matrix[first:], label=labels[first:], reference=training, free_raw_data=False)
    digest = hashlib.sha256(json.dumps([lightgbm.__version__, asdict(settings), list(encoding.columns)]).encode())
    digest.update(matrix.tobytes())
    digest.update(labels.tobytes())
    return Rows(train=training, validation=validation, fingerprint=digest.hexdigest())


def boost(rows: Rows, *, settings: Settings, checkpoints: Checkpoints, interruption: Interruption) -> Checkpoint:
    """Trains interval by interval until the validation rows no longer gain, and returns the last checkpoint.

    Raises:
        Interrupted: The job was asked to end, after a checkpoint and before the end.
    """
    state = checkpoints.latest()
    print(f"starting at round {state.rounds}" if state else "starting at round 0")
    while state is None or not _finished(state, settings):
        state = _interval(rows, state, settings=settings)
        checkpoints.write(state)
        print(f"round {state.rounds}: best log loss {state.best_log_loss:.6f} in round {state.best_round}", flush=True)
        if interruption.requested and not _finished(state, settings):
            raise Interrupted(f"interrupted after round {state.rounds}, which is in a checkpoint.")
    return state


def save(final: Checkpoint, *, encoding: Encoding, folder: Path) -> None:
    """Writes the model as it was in its best round."""
    booster = lightgbm.Booster(model_str=final.model)
    booster.save_model(folder / "model.txt", num_iteration=final.best_round)
    content = {
        "columns": list(encoding.columns),
        "rounds": final.best_round,
        "vocabularies": {name: list(words) for name, words in encoding.vocabularies.items()},
    }
    (folder / "model.json").write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _finished(state: Checkpoint, settings: Settings) -> bool:
    return state.rounds >= settings.max_rounds or state.rounds - state.best_round >= settings.patience


def _interval(rows: Rows, state: Checkpoint | None, *, settings: Settings) -> Checkpoint:
    before = state.rounds if state else 0
    history: dict[str, dict[str, list[float]]] = {}
    booster = lightgbm.train(
        settings.booster,
        rows.train,
        num_boost_round=min(settings.checkpoint_rounds, settings.max_rounds - before),
        valid_sets=[rows.validation],
        valid_names=["validation"],
        init_model=lightgbm.Booster(model_str=state.model) if state else None,
        callbacks=[lightgbm.record_evaluation(history)],
    )
    losses = history["validation"]["binary_logloss"]
    best = int(np.argmin(losses))
    improved = state is None or losses[best] < state.best_log_loss
    return Checkpoint(
        rounds=before + len(losses),
        best_round=before + best + 1 if state is None or improved else state.best_round,
        best_log_loss=losses[best] if state is None or improved else state.best_log_loss,
        best_precision=(
            history["validation"]["average_precision"][best] if state is None or improved else state.best_precision
        ),
        model=booster.model_to_string(num_iteration=-1),
    )
