"""A model trained: its data brought, its run followed to a registered version, and what that itself predicts."""

import dataclasses
import importlib
from pathlib import Path

from plumbline.accounts.access import Clients
from plumbline.configuration import Deployment, Model
from plumbline.errors import PlumblineError
from plumbline.rehearsal import images, predictions, release, training_run
from plumbline.rehearsal.predictions import Offline
from plumbline.rehearsal.progress import Steps
from plumbline.rehearsal.training_run import Inputs


@dataclasses.dataclass(kw_only=True)
class TrainedModel:
    """A model that has been trained and registered.

    Attributes:
        model: The model.
        commit: What the run records.
        inputs: What the run was started with.
        run: The run.
        package: The registered version, as the registry describes it.
        metrics: The evaluation report.
    """

    model: Model
    commit: str
    inputs: Inputs
    run: training_run.Run
    package: dict[str, object]
    metrics: dict[str, object]


def upload(model: Model, *, deployment: Deployment, caller: Clients) -> Inputs:
    """Brings a model's dataset to where delivery has brought its code."""
    data = importlib.import_module(f"pipeline_definitions.{model.name}.data")
    return training_run.upload_dataset(
        deployment=deployment,
        model=model,
        caller=caller,
        make_dataset=lambda folder: str(data.dataset(folder=folder).identifier),
    )


def train(
    model: Model,
    *,
    deployment: Deployment,
    delivering: Clients,
    looking: Clients,
    commit: str,
    reason: str,
    steps: Steps,
    **waiting: float,
) -> TrainedModel:
    """Trains a model, up to its registered version.

    Args:
        model: The model.
        deployment: Where.
        delivering: Who brings the data and starts the run.
        looking: Who reads what came of it.
        commit: What the version records.
        reason: What the version records.
        steps: Show what is going on.
        waiting: How long to wait for the run, as ``training_run.register`` takes it.

    Raises:
        PlumblineError: The run fails, with the failed step's last words, or registers nothing.
    """
    part = deployment.environment
    with steps.step(f"Bring data of {model.name} to {part}") as step:
        inputs = upload(model, deployment=deployment, caller=delivering)
        step.outcome = f"dataset {inputs.dataset_id}, code {inputs.code_digest}"
    with steps.step(f"Train {model.name} in {part}") as step:
        run = training_run.register(
            deployment=deployment,
            model=model,
            inputs=inputs,
            commit=commit,
            reason=reason,
            caller=delivering,
            tell=step.detail,
            **waiting,
        )
        package = looking.client("sagemaker").describe_model_package(ModelPackageName=run.model_package_arn)
        metrics = training_run.evaluation(run=run, deployment=deployment, model=model, caller=looking)
        step.outcome = f"version {package['ModelPackageVersion']}, {package['ModelApprovalStatus']}"
    return TrainedModel(
        model=model,
        commit=commit,
        inputs=inputs,
        run=run,
        package=package,
        metrics=dict(metrics),
    )


def predict_offline(
    trained: TrainedModel, *, deployment: Deployment, caller: Clients, stand_in: images.StandIn, folder: Path
) -> Offline:
    """What the artifact of a version predicts for its test set on this machine, without an endpoint.

    Args:
        trained: The version.
        deployment: Where it was trained.
        caller: Who reads it.
        stand_in: The runtime in which it predicts.
        folder: Where the files in between go.
    """
    return predictions.predict_offline(
        stand_in=stand_in,
        artifact=release.read_artifact(trained.package, caller=caller),
        prepared=_prepared_test_set(trained.model, trained.inputs, deployment, caller),
        folder=folder,
    )


def _prepared_test_set(model: Model, inputs: Inputs, deployment: Deployment, caller: Clients) -> bytes:
    client = caller.client("s3")
    prefix = f"{model.name}/prepared/{inputs.code_digest}/{inputs.dataset_id}/"
    listed = client.list_objects_v2(Bucket=deployment.data_bucket, Prefix=prefix).get("Contents", [])
    keys = [found["Key"] for found in listed if "/test/" in found["Key"] and found["Key"].endswith(".parquet")]
    if not keys:
        raise PlumblineError(f"the run prepared no test set below {prefix}", exit_code=1)
    body: bytes = client.get_object(Bucket=deployment.data_bucket, Key=keys[0])["Body"].read()
    return body
