"""The training pipeline of `flight_delays`: Prepare → Check → Train → Evaluate → Gate → Register, or Fail.

Rendered into `definition.json` by `./plumb render`. `${…}` placeholders are filled by the training stack on deploy;
pipeline parameters are given to each execution.
"""

import json
from typing import cast

from sagemaker.core.model_metrics import MetricsSource, ModelMetrics
from sagemaker.core.network import NetworkConfig
from sagemaker.core.processing import Processor
from sagemaker.core.shapes import (
    Channel,
    CheckpointConfig,
    DataSource,
    MetricDefinition,
    OutputDataConfig,
    ProcessingInput,
    ProcessingOutput,
    ProcessingS3Input,
    ProcessingS3Output,
    S3DataSource,
    StoppingCondition,
)
from sagemaker.core.training.configs import Compute, Networking
from sagemaker.core.workflow.conditions import ConditionGreaterThan, ConditionGreaterThanOrEqualTo
from sagemaker.core.workflow.entities import PipelineVariable
from sagemaker.core.workflow.execution_variables import ExecutionVariables
from sagemaker.core.workflow.functions import Join, JsonGet
from sagemaker.core.workflow.parameters import ParameterString
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.core.workflow.pipeline_definition_config import PipelineDefinitionConfig
from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.fail_step import FailStep
from sagemaker.mlops.workflow.model_step import ModelStep
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.retry import (
    SageMakerJobExceptionTypeEnum,
    SageMakerJobStepRetryPolicy,
    StepExceptionTypeEnum,
    StepRetryPolicy,
)
from sagemaker.mlops.workflow.steps import CacheConfig, ProcessingStep, TrainingStep
from sagemaker.serve.model_builder import ModelBuilder
from sagemaker.train.model_trainer import ModelTrainer

from pipeline_definitions.flight_delays.features import INPUTS
from plumbline.configuration import Model, code_digest
from runtime.labelled_windows import NONE as NO_WINDOWS
from runtime.monitoring.checks import checks_of

IMAGE = "${RuntimeImage}"
SUBNETS = ["${SubnetA}", "${SubnetB}"]
SECURITY_GROUPS = ["${JobSecurityGroup}"]
NO_ROLE = "arn:aws:iam::000000000000:role/placeholder"
DATA_KEY = "${DataKeyArn}"
MODELS_KEY = "${ModelsKeyArn}"

# The last days of the dataset are held out, in the order of time. With January to March: from 16 March on.
# The gate draws whole days from them, and wants at least 8 (scores.py).
TEST_DAYS = 16
HYPERPARAMETERS = {
    "seed": 20130331,
    "learning_rate": 0.05,
    "num_leaves": 31,
    "min_data_in_leaf": 100,
    "max_rounds": 600,
    "patience": 60,
    "validation_share": 0.2,
    "checkpoint_rounds": 25,
    "threads": 1,
}
GATED = ("average_precision", "log_loss")
PROCESSING = "/opt/ml/processing"
_LONGEST_ARGUMENT = 256  # API_AppSpecification, ContainerArguments
PARQUET = "application/x-parquet"

# A month: a cached step that is older runs again.
CACHE = CacheConfig(enable_caching=True, expire_after="P30D")
REQUEST_RETRIES = StepRetryPolicy(
    [StepExceptionTypeEnum.SERVICE_FAULT, StepExceptionTypeEnum.THROTTLING], interval_seconds=10, max_attempts=5
)
JOB_RETRIES = [
    REQUEST_RETRIES,
    # Waits for another job to give its instances back.
    SageMakerJobStepRetryPolicy(
        exception_types=[SageMakerJobExceptionTypeEnum.RESOURCE_LIMIT], interval_seconds=60, expire_after_mins=120
    ),
    SageMakerJobStepRetryPolicy(
        failure_reason_types=[
            SageMakerJobExceptionTypeEnum.INTERNAL_ERROR,
            SageMakerJobExceptionTypeEnum.CAPACITY_ERROR,
        ],
        interval_seconds=60,
        max_attempts=3,
    ),
]


class RuntimeTrainingStep(TrainingStep):  # type: ignore[misc]  # the SDK ships no types
    """A training step that says which command runs: `ModelTrainer` says it only for code which it uploads itself."""

    @property
    def arguments(self) -> dict[str, object]:
        """The arguments of `CreateTrainingJob`."""
        arguments: dict[str, object] = super().arguments
        specification = cast("dict[str, object]", arguments["AlgorithmSpecification"])
        specification["ContainerEntrypoint"] = _entry_point("train")
        return arguments


class Parameters:
    """What differs from execution to execution.

    Only `dataset_id`, `labelled_id`, `labelled_uri`, `champion_uri` and `baseline_uri` reach a job. The others reach
    the model package, since a value in the arguments of a cached step would make the same code and data run again for
    every commit. The defaults stand for a run without labelled windows and without a champion: an input of a job is
    never empty, so there are files that say so.
    """

    def __init__(self, model: Model) -> None:
        nothing = f"s3://${{ModelsBucket}}/{model.name}/champion/none/"
        self.commit_id = ParameterString("CommitId")
        self.dataset_id = ParameterString("DatasetId")
        self.dataset_version = ParameterString("DatasetVersion")
        self.trigger = ParameterString(
            "Trigger", default_value="person", enum_values=["person", "schedule", "drift", "data", "code"]
        )
        self.trigger_reason = ParameterString("TriggerReason", default_value="not given")
        self.champion_uri = ParameterString("ChampionUri", default_value=nothing)
        self.labelled_id = ParameterString("LabelledId", default_value=NO_WINDOWS)
        self.labelled_uri = ParameterString("LabelledUri", default_value=f"{nothing}manifest.json")
        self.baseline_uri = ParameterString("BaselineUri", default_value=nothing)

    def all(self) -> list[ParameterString]:
        """Every parameter, in the order in which a console shows them."""
        return [
            self.commit_id,
            self.dataset_id,
            self.dataset_version,
            self.trigger,
            self.trigger_reason,
            self.champion_uri,
            self.labelled_id,
            self.labelled_uri,
            self.baseline_uri,
        ]


class Places:
    """Where things lie in S3. Nothing that a cached step reads or writes is named after an execution."""

    def __init__(self, model: Model, parameters: Parameters) -> None:
        digest = code_digest(model)
        # The runtime compares it with the code that it finds, so that what runs is what was reviewed.
        self.pinned_code = {"MODEL_CODE_DIGEST": digest}
        data, models = f"s3://${{DataBucket}}/{model.name}", f"s3://${{ModelsBucket}}/{model.name}"
        dataset_id = parameters.dataset_id
        self.code = f"{models}/code/{digest}/sourcedir.tar.gz"
        self.dataset = Join(on="", values=[f"{data}/datasets/", dataset_id, "/"])
        # Named after all that Prepare's rows depend on: Train's cache knows its input by its name alone.
        labelled_id = parameters.labelled_id
        prepared = [
            f"{data}/prepared/{digest}/",
            dataset_id,
            f"/last-{TEST_DAYS}-days-to-test/labelled-",
            labelled_id,
        ]
        self.prepared_train = Join(on="", values=[*prepared, "/train"])
        self.prepared_test = Join(on="", values=[*prepared, "/test"])
        self.prepared_newest = Join(on="", values=[*prepared, "/newest"])
        self.check = Join(on="", values=[f"{data}/checks/", ExecutionVariables.PIPELINE_EXECUTION_ID])
        self.training = f"{models}/training"
        self.checkpoints = Join(
            on="", values=[f"{models}/checkpoints/{digest}/", dataset_id, "/labelled-", labelled_id]
        )
        self.evaluation = Join(on="", values=[f"{data}/evaluations/", ExecutionVariables.PIPELINE_EXECUTION_ID])


def define(model: Model, session: PipelineSession) -> Pipeline:
    """The pipeline of a training run.

    Args:
        model: The model's configuration: compute, gate, approval.
        session: A session that does not upload: code is named by its digest, in a channel of each job, because a
            container under network isolation cannot fetch it.
    """
    parameters = Parameters(model)
    places = Places(model, parameters)
    prepare = _prepare(model, session, parameters, places)
    check = _check(model, session, parameters, places, prepare)
    train = _train(model, session, places, prepare, check)
    report = PropertyFile(name="EvaluationReport", output_name="evaluation", path="evaluation.json")
    digests = PropertyFile(name="EvaluationDigests", output_name="evaluation", path="digests.json")
    evaluate = _evaluate(model, session, places, prepare, train, [report, digests], parameters.champion_uri)
    register = _register(model, session, parameters, places, train, evaluate, digests)
    gate = _gate(model, evaluate, report, register)
    return Pipeline(
        name="${PipelineName}",
        parameters=parameters.all(),
        steps=[prepare, check, train, evaluate, gate],
        sagemaker_session=session,
        # Lineage tells where a model came from; an experiment a run would need one permission more.
        pipeline_experiment_config=None,
        # The service names the jobs; its names carry the execution and step.
        pipeline_definition_config=PipelineDefinitionConfig(use_custom_job_prefix=False),
    )


def _prepare(model: Model, session: PipelineSession, parameters: Parameters, places: Places) -> ProcessingStep:
    """Raw dataset and labelled windows → Parquet with inputs, label and features, split by time."""
    processor = _processor(model, session, verb="prepare", role="${PrepareRoleArn}", code=places.pinned_code)
    return ProcessingStep(
        "Prepare",
        step_args=processor.run(
            arguments=[
                *("--test-days", str(TEST_DAYS)),
                *("--dataset-id", parameters.dataset_id),
                *("--labelled-id", parameters.labelled_id),
            ],
            inputs=[
                _input("code", places.code),
                _input("dataset", places.dataset),
                _input("labelled", parameters.labelled_uri, kind="ManifestFile"),
            ],
            outputs=[
                _output("train", places.prepared_train),
                _output("test", places.prepared_test),
                _output("newest", places.prepared_newest),
            ],
        ),
        cache_config=CACHE,
        retry_policies=JOB_RETRIES,
    )


def _check(
    model: Model, session: PipelineSession, parameters: Parameters, places: Places, prepare: ProcessingStep
) -> ProcessingStep:
    """What is to be trained on, against the champion's baseline: what is broken ends the run as rejected.

    The runtime does it, with a role of its own and no code of the model's. It is of its run, and not cached.
    """
    processor = _processor(model, session, verb="check", role="${CheckRoleArn}", code=None)
    train_uri = prepare.properties.ProcessingOutputConfig.Outputs["train"].S3Output.S3Uri
    return ProcessingStep(
        "Check",
        step_args=processor.run(
            arguments=[
                *("--labelled-id", parameters.labelled_id),
                *_pieces("inputs", json.dumps([column.name for column in INPUTS], separators=(",", ":"))),
            ],
            inputs=[
                _input("train", train_uri),
                _input("labelled", parameters.labelled_uri, kind="ManifestFile"),
                _input("baseline", parameters.baseline_uri),
            ],
            # As it is written, for a job that fails may not come to the end at which the rest is brought away.
            outputs=[_output("check", places.check, mode="Continuous")],
        ),
        retry_policies=JOB_RETRIES,
    )


def _train(
    model: Model, session: PipelineSession, places: Places, prepare: ProcessingStep, check: ProcessingStep
) -> TrainingStep:
    """Prepared training rows → model.tar.gz, which carries the code that serves it."""
    compute = model.compute.train
    trainer = ModelTrainer(
        sagemaker_session=session,
        role=NO_ROLE,
        training_image=IMAGE,
        base_job_name=model.slug,
        training_input_mode=compute.input_mode,
        hyperparameters=HYPERPARAMETERS,
        environment=places.pinned_code,
        compute=Compute(
            instance_type=compute.instance_type,
            instance_count=compute.instance_count,
            volume_size_in_gb=compute.volume_gb,
            volume_kms_key_id=None if compute.local_nvme else MODELS_KEY,
            enable_managed_spot_training=compute.spot,
        ),
        networking=Networking(
            subnets=SUBNETS,
            security_group_ids=SECURITY_GROUPS,
            enable_network_isolation=True,
            enable_inter_container_traffic_encryption=True,
        ),
        stopping_condition=_stopping_condition(model),
        output_data_config=OutputDataConfig(
            s3_output_path=places.training, kms_key_id=MODELS_KEY, compression_type="GZIP"
        ),
        checkpoint_config=(
            CheckpointConfig(s3_uri=places.checkpoints, local_path="/opt/ml/checkpoints")
            if compute.checkpoints
            else None
        ),
    ).with_metric_definitions(
        [
            MetricDefinition(name="validation:log_loss", regex=r"validation:log_loss=([0-9.]+)"),
            MetricDefinition(name="validation:average_precision", regex=r"validation:average_precision=([0-9.]+)"),
        ]
    )
    train_uri = prepare.properties.ProcessingOutputConfig.Outputs["train"].S3Output.S3Uri
    # Set afterwards: what looks like no ARN, ModelTrainer would look up in IAM when it is made.
    trainer.role = "${TrainRoleArn}"
    arguments = trainer.train(
        input_data_config=[
            # The code is a file to extract, whatever way the rows come in.
            _channel("code", places.code, input_mode="File", content_type="application/x-tar"),
            _channel("train", train_uri, input_mode=compute.input_mode, content_type=PARQUET),
        ]
    )
    return RuntimeTrainingStep(
        "Train", step_args=arguments, depends_on=[check], cache_config=CACHE, retry_policies=JOB_RETRIES
    )


def _evaluate(
    model: Model,
    session: PipelineSession,
    places: Places,
    prepare: ProcessingStep,
    train: TrainingStep,
    files: list[PropertyFile],
    champion_uri: ParameterString,
) -> ProcessingStep:
    """Challenger, champion and logistic regression on the same held-out rows, old and newest → evaluation.json."""
    processor = _processor(model, session, verb="evaluate", role="${EvaluateRoleArn}", code=places.pinned_code)
    prepared = prepare.properties.ProcessingOutputConfig.Outputs
    return ProcessingStep(
        "Evaluate",
        step_args=processor.run(
            arguments=[
                *("--confidence", str(model.gate.confidence), "--resamples", str(model.gate.resamples)),
                *_checks(model),
            ],
            inputs=[
                _input("code", places.code),
                _input("model", train.properties.ModelArtifacts.S3ModelArtifacts),
                _input("train", prepared["train"].S3Output.S3Uri),
                _input("test", prepared["test"].S3Output.S3Uri),
                _input("newest", prepared["newest"].S3Output.S3Uri),
                _input("champion", champion_uri),
            ],
            outputs=[_output("evaluation", places.evaluation)],
        ),
        property_files=files,
        retry_policies=JOB_RETRIES,
    )


def _register(
    model: Model,
    session: PipelineSession,
    parameters: Parameters,
    places: Places,
    train: TrainingStep,
    evaluate: ProcessingStep,
    digests: PropertyFile,
) -> ModelStep:
    """A new version of the model package, with where it came from and how good it is."""
    builder = ModelBuilder(
        image_uri=IMAGE,
        s3_model_data_url=train.properties.ModelArtifacts.S3ModelArtifacts,
        role_arn=NO_ROLE,  # a model package has none
        sagemaker_session=session,
    )
    arguments = builder.register(
        model_package_group_name="${ModelPackageGroupName}",
        approval_status=model.approval.status,
        content_types=["application/jsonlines", "text/csv"],
        response_types=["application/jsonlines", "text/csv"],
        inference_instances=[model.serving.instance_type],
        model_metrics=ModelMetrics(
            model_statistics=MetricsSource(
                content_type="application/json",
                s3_uri=_evaluation_uri(evaluate),
                content_digest=JsonGet(step_name=evaluate.name, property_file=digests, json_path="evaluation"),
            )
        ),
        customer_metadata_properties={
            "commit": parameters.commit_id,
            "dataset-uri": places.dataset,
            "dataset-version": parameters.dataset_version,
            "labelled": parameters.labelled_id,
            "trigger": parameters.trigger,
            "trigger-reason": parameters.trigger_reason,
            "execution": ExecutionVariables.PIPELINE_EXECUTION_ARN,
        },
    )
    # ModelBuilder adds variables of its own serving script, the region of the machine that renders among them.
    del arguments.create_model_package_request["InferenceSpecification"]["Containers"][0]["Environment"]
    return ModelStep("Register", step_args=arguments, retry_policies=[REQUEST_RETRIES])


def _gate(model: Model, evaluate: ProcessingStep, report: PropertyFile, register: ModelStep) -> ConditionStep:
    """Registers the model if it beats its references on the newest rows and does not lose to the champion on the old.

    The lower bound of each gain, over the worst reference, has to lie above the minimum; that of each gain over the
    champion on the old rows may lie below zero by the margin.
    """

    def bound(name: str) -> JsonGet:
        return JsonGet(step_name=evaluate.name, property_file=report, json_path=f"gate.{name}")

    minimum, margin = model.gate.minimum_gain, model.gate.margin
    verdict = (
        f"At the lower bound, in average precision or log loss, the model does not beat its references by more than "
        f"{minimum} on the newest rows that were held out, or loses more than {margin} to the champion on the old; see "
    )
    fail = FailStep("Fail", error_message=Join(on="", values=[verdict, _evaluation_uri(evaluate)]))
    conditions = [
        *(ConditionGreaterThan(left=bound(f"{name}_gain_lower"), right=minimum) for name in GATED),
        *(ConditionGreaterThanOrEqualTo(left=bound(f"{name}_kept_lower"), right=0.0 - margin) for name in GATED),
    ]
    return ConditionStep("Gate", conditions=conditions, if_steps=[register], else_steps=[fail])


def _checks(model: Model) -> list[str]:
    """What the monitors compare later, as arguments: the text in pieces, for one has 256 characters at most."""
    if model.monitoring is None:
        raise ValueError("model.toml: monitoring is missing; accepted: a table with every, answers and more")
    text = json.dumps(model.monitoring.document, separators=(",", ":"))
    checks_of(text).refuse_unknown([column.name for column in INPUTS])
    return _pieces("checks", text)


def _pieces(name: str, text: str) -> list[str]:
    """A long value as arguments, which the runtime joins again."""
    pieces = [text[start : start + _LONGEST_ARGUMENT] for start in range(0, len(text), _LONGEST_ARGUMENT)]
    return [part for number, piece in enumerate(pieces, start=1) for part in (f"--{name}-{number}", piece)]


def _evaluation_uri(evaluate: ProcessingStep) -> Join:
    folder = evaluate.properties.ProcessingOutputConfig.Outputs["evaluation"].S3Output.S3Uri
    return Join(on="/", values=[folder, "evaluation.json"])


def _processor(
    model: Model, session: PipelineSession, *, verb: str, role: str, code: dict[str, str] | None
) -> Processor:
    compute = model.compute.evaluate if verb == "evaluate" else model.compute.prepare
    return Processor(
        sagemaker_session=session,
        role=role,
        image_uri=IMAGE,
        entrypoint=_entry_point(verb),
        env=code,
        instance_type=compute.instance_type,
        instance_count=compute.instance_count,
        volume_size_in_gb=compute.volume_gb,
        volume_kms_key=None if compute.local_nvme else DATA_KEY,
        output_kms_key=DATA_KEY,
        max_runtime_in_seconds=compute.max_runtime_seconds,
        network_config=NetworkConfig(
            enable_network_isolation=True,
            encrypt_inter_container_traffic=True,
            subnets=SUBNETS,
            security_group_ids=SECURITY_GROUPS,
        ),
    )


def _entry_point(verb: str) -> list[str]:
    return ["python", "-m", "runtime", verb]


def _stopping_condition(model: Model) -> StoppingCondition:
    compute = model.compute.train
    if compute.max_wait_seconds is None:
        return StoppingCondition(max_runtime_in_seconds=compute.max_runtime_seconds)
    return StoppingCondition(
        max_runtime_in_seconds=compute.max_runtime_seconds, max_wait_time_in_seconds=compute.max_wait_seconds
    )


def _channel(name: str, uri: str | PipelineVariable, *, input_mode: str, content_type: str) -> Channel:
    """A training channel. The SDK's `InputData` would lose FastFile mode."""
    return Channel(
        channel_name=name,
        content_type=content_type,
        input_mode=input_mode,
        data_source=DataSource(
            s3_data_source=S3DataSource(
                s3_data_type="S3Prefix", s3_uri=uri, s3_data_distribution_type="FullyReplicated"
            )
        ),
    )


def _input(name: str, uri: str | PipelineVariable, *, kind: str = "S3Prefix") -> ProcessingInput:
    return ProcessingInput(
        input_name=name,
        s3_input=ProcessingS3Input(
            s3_uri=uri,
            local_path=f"{PROCESSING}/input/{name}",
            s3_data_type=kind,
            s3_input_mode="File",
            s3_data_distribution_type="FullyReplicated",
            s3_compression_type="None",
        ),
    )


def _output(name: str, uri: str | PipelineVariable, *, mode: str = "EndOfJob") -> ProcessingOutput:
    return ProcessingOutput(
        output_name=name,
        s3_output=ProcessingS3Output(s3_uri=uri, local_path=f"{PROCESSING}/output/{name}", s3_upload_mode=mode),
    )
