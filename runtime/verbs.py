"""The verbs of `python -m runtime`: what each job does around the model's own code."""

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from runtime.channels import channels
from runtime.errors import JobError
from runtime.interruption import Interruption
from runtime.jobs import ProcessingJob, TrainingJob
from runtime.layout import Layout
from runtime.model_code import CODE_DIGEST, MODEL_CODE, ModelCode
from runtime.values import Values

_DEFAULT_PORT = 8080  # API_ContainerDefinition: an endpoint's container listens on 8080


def process(verb: str, *, layout: Layout, arguments: Sequence[str]) -> None:
    """Runs a processing job, `prepare` or `evaluate`.

    Raises:
        JobError: What the job was given does not fit.
    """
    with tempfile.TemporaryDirectory() as folder:
        code = _code(layout.processing_input(MODEL_CODE), into=Path(folder) / MODEL_CODE)
        code.job(verb)(ProcessingJob(layout=layout, arguments=Values.of_arguments(arguments)))


def monitor(*, layout: Layout, arguments: Sequence[str]) -> None:
    """Runs a monitoring job: the model's archive brings its own code.

    Raises:
        JobError: What the job was given does not fit.
    """
    from runtime.monitoring import run

    run.monitor(ProcessingJob(layout=layout, arguments=Values.of_arguments(arguments)))


def check(*, layout: Layout, arguments: Sequence[str]) -> None:
    """Runs the job that says whether data may train a model: the platform's own, without any model's code.

    Raises:
        JobError: It may not, or what the job was given does not fit.
    """
    from runtime.monitoring import data_check

    data_check.check(ProcessingJob(layout=layout, arguments=Values.of_arguments(arguments)))


def train(*, layout: Layout, arguments: Sequence[str]) -> None:
    """Runs a training job and puts its code beside the model, so that `model.tar.gz` needs nothing else to serve.

    Raises:
        JobError: What the job was given does not fit.
        Interrupted: The job was asked to end and can be resumed from its checkpoint.
    """
    if arguments:
        raise JobError(f"train takes hyper-parameters, no arguments; given: {' '.join(arguments)}.")
    interruption = Interruption()
    interruption.listen()
    for folder in (layout.model, layout.checkpoints):
        folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder_name:
        code = _code(layout.channel(MODEL_CODE), into=Path(folder_name) / MODEL_CODE)
        code.job("train")(
            TrainingJob(
                channels=channels(layout),
                hyperparameters=Values.of_hyperparameters(layout.hyperparameters),
                model=layout.model,
                checkpoints=layout.checkpoints,
                interruption=interruption,
            )
        )
        shutil.copytree(
            code.folder, layout.model / MODEL_CODE, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True
        )


def _code(channel: Path, *, into: Path) -> ModelCode:
    """The job's code: what the definition pins, when it does; whoever swaps the archive in S3 gets no job to run it."""
    return ModelCode.of_channel(channel, into=into, digest=os.environ.get(CODE_DIGEST))


def serve(*, layout: Layout, arguments: Sequence[str]) -> None:
    """Loads the model, then answers requests until it is asked to end.

    Listens on port `SAGEMAKER_BIND_TO_PORT`, SageMaker's own variable, or 8080, of every interface or of the one that
    `RUNTIME_BIND_TO_HOST` names.

    Raises:
        JobError: The model cannot be loaded, so that `/ping` never answers.
    """
    if arguments:
        raise JobError(f"serve takes no arguments; given: {' '.join(arguments)}.")
    import uvicorn

    from runtime.serving import application

    predictor = ModelCode(folder=layout.model / MODEL_CODE).load(layout.model)
    host = os.environ.get("RUNTIME_BIND_TO_HOST", "0.0.0.0")  # noqa: S104  # SageMaker reaches it from outside
    port = int(os.environ.get("SAGEMAKER_BIND_TO_PORT", _DEFAULT_PORT))
    uvicorn.run(application(predictor), host=host, port=port, log_level="warning", access_log=False)
