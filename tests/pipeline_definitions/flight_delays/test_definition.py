"""What the rendered definition promises, read from the committed file alone."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline_definitions.flight_delays.features import INPUTS
from plumbline.configuration import Model, code_digest
from plumbline.render.rendering import PLACEHOLDERS
from runtime.monitoring.checks import checks_of

Step = dict[str, Any]
JOBS = ("Prepare", "Check", "Train", "Evaluate")
RUN_VALUES = ("CommitId", "DatasetVersion", "Trigger", "TriggerReason", "Execution.")


@pytest.fixture(scope="session")
def steps(model: Model) -> dict[str, Step]:
    return {step["Name"]: step for step in _steps(json.loads(model.definition_path.read_text())["Steps"])}


def _steps(steps: list[Step]) -> Iterator[Step]:
    for step in steps:
        yield step
        for branch in ("IfSteps", "ElseSteps"):
            yield from _steps(step["Arguments"].get(branch, []))


def _network(step: Step) -> Step:
    arguments: Step = step["Arguments"]
    found: Step = arguments.get("NetworkConfig", arguments)
    return found


def _cluster(step: Step) -> Step:
    arguments: Step = step["Arguments"]
    found: Step = (
        arguments["ResourceConfig"] if step["Type"] == "Training" else arguments["ProcessingResources"]["ClusterConfig"]
    )
    return found


def _input(step: Step, name: str) -> Step:
    (found,) = (item["S3Input"] for item in step["Arguments"]["ProcessingInputs"] if item["InputName"] == name)
    return dict(found)


def test_the_steps_are_those_of_the_design(steps: dict[str, Step]) -> None:
    assert {name: step["Type"] for name, step in steps.items()} == {
        "Prepare": "Processing",
        "Check": "Processing",
        "Train": "Training",
        "Evaluate": "Processing",
        "Gate": "Condition",
        "Register": "RegisterModel",
        "Fail": "Fail",
    }


def test_parameters_are_those_of_the_design(model: Model) -> None:
    parameters = json.loads(model.definition_path.read_text())["Parameters"]
    assert {parameter["Name"] for parameter in parameters} == {
        "CommitId", "DatasetId", "DatasetVersion", "Trigger", "TriggerReason", "ChampionUri",
        "LabelledId", "LabelledUri", "BaselineUri",
    }  # fmt: skip


def test_a_trigger_is_one_of_five(model: Model) -> None:
    parameters = json.loads(model.definition_path.read_text())["Parameters"]
    (trigger,) = (parameter for parameter in parameters if parameter["Name"] == "Trigger")
    assert trigger["EnumValues"] == ["person", "schedule", "drift", "data", "code"]


@pytest.mark.parametrize("name", JOBS)
def test_every_job_is_isolated_inside_the_vpc(steps: dict[str, Step], name: str) -> None:
    network = _network(steps[name])
    assert network["EnableNetworkIsolation"] is True
    assert network["EnableInterContainerTrafficEncryption"] is True
    assert network["VpcConfig"] == {
        "SecurityGroupIds": ["${JobSecurityGroup}"],
        "Subnets": ["${SubnetA}", "${SubnetB}"],
    }


@pytest.mark.parametrize(
    ("name", "key"), [("Prepare", "Data"), ("Check", "Data"), ("Train", "Models"), ("Evaluate", "Data")]
)
def test_every_volume_and_output_has_its_key(steps: dict[str, Step], name: str, key: str) -> None:
    arguments = steps[name]["Arguments"]
    output = arguments.get("OutputDataConfig") or arguments["ProcessingOutputConfig"]
    assert _cluster(steps[name])["VolumeKmsKeyId"] == f"${{{key}KeyArn}}"
    assert output["KmsKeyId"] == f"${{{key}KeyArn}}"


@pytest.mark.parametrize("name", JOBS)
def test_every_job_has_a_role_of_its_own(steps: dict[str, Step], name: str) -> None:
    assert steps[name]["Arguments"]["RoleArn"] == f"${{{name}RoleArn}}"


@pytest.mark.parametrize("name", [*JOBS, "Register"])
def test_every_call_is_repeated_when_the_service_fails(steps: dict[str, Step], name: str) -> None:
    retried = {kind for policy in steps[name]["RetryPolicies"] for kind in policy["ExceptionType"]}
    assert {"Step.SERVICE_FAULT", "Step.THROTTLING"} <= retried


@pytest.mark.parametrize("name", ["Prepare", "Train"])
def test_nothing_of_a_run_reaches_a_cached_step(steps: dict[str, Step], name: str) -> None:
    assert steps[name]["CacheConfig"]["Enabled"] is True
    arguments = json.dumps(steps[name]["Arguments"])
    assert not [value for value in RUN_VALUES if value in arguments]


@pytest.mark.parametrize("name", ["Check", "Evaluate", "Register"])
def test_what_belongs_to_a_run_is_not_cached(steps: dict[str, Step], name: str) -> None:
    assert "CacheConfig" not in steps[name]


@pytest.mark.parametrize("name", ["Prepare", "Evaluate"])
def test_processing_jobs_get_the_code_by_its_digest(steps: dict[str, Step], model: Model, name: str) -> None:
    assert _input(steps[name], "code")["S3Uri"] == (
        f"s3://${{ModelsBucket}}/flight_delays/code/{code_digest(model)}/sourcedir.tar.gz"
    )


def test_training_gets_the_code_as_a_file_whatever_way_the_rows_come(steps: dict[str, Step]) -> None:
    channels = {channel["ChannelName"]: channel for channel in steps["Train"]["Arguments"]["InputDataConfig"]}
    assert {name: channel["InputMode"] for name, channel in channels.items()} == {"code": "File", "train": "FastFile"}


def test_training_runs_on_spot_and_resumes_from_checkpoints(steps: dict[str, Step]) -> None:
    arguments = steps["Train"]["Arguments"]
    assert arguments["EnableManagedSpotTraining"] is True
    assert arguments["StoppingCondition"] == {"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 7200}
    assert arguments["CheckpointConfig"]["LocalPath"] == "/opt/ml/checkpoints"


@pytest.mark.parametrize(
    ("name", "verb"), [("Prepare", "prepare"), ("Check", "check"), ("Train", "train"), ("Evaluate", "evaluate")]
)
def test_every_job_runs_the_runtime(steps: dict[str, Step], name: str, verb: str) -> None:
    arguments = steps[name]["Arguments"]
    application = arguments.get("AppSpecification") or arguments["AlgorithmSpecification"]
    assert application["ContainerEntrypoint"] == ["python", "-m", "runtime", verb]
    assert "${RuntimeImage}" in (application.get("ImageUri"), application.get("TrainingImage"))


@pytest.mark.parametrize("name", ["Prepare", "Train", "Evaluate"])
def test_every_job_pins_the_reviewed_code(steps: dict[str, Step], model: Model, name: str) -> None:
    assert steps[name]["Arguments"]["Environment"] == {"MODEL_CODE_DIGEST": code_digest(model)}


def test_the_gates_numbers_reach_the_evaluation(steps: dict[str, Step], model: Model) -> None:
    assert steps["Evaluate"]["Arguments"]["AppSpecification"]["ContainerArguments"][:4] == [
        "--confidence", str(model.gate.confidence), "--resamples", str(model.gate.resamples),
    ]  # fmt: skip


def test_what_the_monitors_check_reaches_the_evaluation_in_arguments_that_sagemaker_takes(
    steps: dict[str, Step], model: Model
) -> None:
    pieces = steps["Evaluate"]["Arguments"]["AppSpecification"]["ContainerArguments"][4:]
    assert pieces[::2] == [f"--checks-{number}" for number in range(1, len(pieces) // 2 + 1)]
    assert max(map(len, pieces)) <= 256
    assert model.monitoring
    assert checks_of("".join(pieces[1::2])) == checks_of(json.dumps(model.monitoring.document))


def _bounds(steps: dict[str, Step], kind: str) -> dict[str, float]:
    """What the gate compares in one way, and with what."""
    conditions = [one for one in steps["Gate"]["Arguments"]["Conditions"] if one["Type"] == kind]
    return {one["LeftValue"]["Std:JsonGet"]["Path"]: one["RightValue"] for one in conditions}


def test_both_lower_bounds_must_be_above_the_minimum_gain(steps: dict[str, Step], model: Model) -> None:
    assert _bounds(steps, "GreaterThan") == {
        "gate.average_precision_gain_lower": model.gate.minimum_gain,
        "gate.log_loss_gain_lower": model.gate.minimum_gain,
    }


def test_on_the_old_rows_a_model_may_lose_the_margin(steps: dict[str, Step], model: Model) -> None:
    assert _bounds(steps, "GreaterThanOrEqualTo") == {
        "gate.average_precision_kept_lower": -model.gate.margin,
        "gate.log_loss_kept_lower": -model.gate.margin,
    }


def test_all_conditions_are_of_the_two_kinds(steps: dict[str, Step]) -> None:
    kinds = {condition["Type"] for condition in steps["Gate"]["Arguments"]["Conditions"]}
    assert kinds == {"GreaterThan", "GreaterThanOrEqualTo"}


def test_nothing_trains_before_the_data_is_checked(steps: dict[str, Step]) -> None:
    assert steps["Train"]["DependsOn"] == ["Check"]


def test_the_check_runs_no_code_of_the_models(steps: dict[str, Step]) -> None:
    arguments = steps["Check"]["Arguments"]
    assert {item["InputName"] for item in arguments["ProcessingInputs"]} == {"train", "labelled", "baseline"}
    assert "Environment" not in arguments


def test_the_check_knows_the_models_inputs(steps: dict[str, Step]) -> None:
    arguments = steps["Check"]["Arguments"]["AppSpecification"]["ContainerArguments"][2:]
    assert arguments[::2] == [f"--inputs-{number}" for number in range(1, len(arguments) // 2 + 1)]
    assert max(map(len, arguments)) <= 256
    assert json.loads("".join(arguments[1::2])) == [column.name for column in INPUTS]


@pytest.mark.parametrize("name", ["Prepare", "Check"])
def test_labelled_windows_come_by_a_manifest_under_their_name(steps: dict[str, Step], name: str) -> None:
    source = _input(steps[name], "labelled")
    assert (source["S3DataType"], source["S3Uri"]) == ("ManifestFile", {"Get": "Parameters.LabelledUri"})
    arguments = steps[name]["Arguments"]["AppSpecification"]["ContainerArguments"]
    assert arguments[arguments.index("--labelled-id") + 1] == {"Get": "Parameters.LabelledId"}


def test_what_is_prepared_is_named_after_dataset_and_windows(steps: dict[str, Step]) -> None:
    outputs = steps["Prepare"]["Arguments"]["ProcessingOutputConfig"]["Outputs"]
    assert {output["OutputName"] for output in outputs} == {"train", "test", "newest"}
    for output in outputs:
        values = output["S3Output"]["S3Uri"]["Std:Join"]["Values"]
        assert {"Get": "Parameters.DatasetId"} in values
        assert {"Get": "Parameters.LabelledId"} in values
        assert values[-1] == f"/{output['OutputName']}"


def test_what_is_wrong_is_brought_away_while_the_check_runs(steps: dict[str, Step]) -> None:
    (output,) = steps["Check"]["Arguments"]["ProcessingOutputConfig"]["Outputs"]
    assert output["S3Output"]["S3UploadMode"] == "Continuous"


def test_the_gate_reads_the_file_that_the_evaluation_writes(steps: dict[str, Step]) -> None:
    report, _ = steps["Evaluate"]["PropertyFiles"]
    assert (report["FilePath"], report["OutputName"]) == ("evaluation.json", "evaluation")


def test_without_a_champion_and_without_windows_there_are_files_that_say_so(model: Model) -> None:
    parameters = json.loads(model.definition_path.read_text())["Parameters"]
    defaults = {parameter["Name"]: parameter.get("DefaultValue") for parameter in parameters}
    nothing = "s3://${ModelsBucket}/flight_delays/champion/none/"
    assert (defaults["ChampionUri"], defaults["BaselineUri"]) == (nothing, nothing)
    assert (defaults["LabelledId"], defaults["LabelledUri"]) == ("none", f"{nothing}manifest.json")


def test_a_package_tells_where_it_came_from(steps: dict[str, Step]) -> None:
    assert set(steps["Register"]["Arguments"]["CustomerMetadataProperties"]) == {
        "commit", "dataset-uri", "dataset-version", "trigger", "trigger-reason", "execution", "labelled",
    }  # fmt: skip


def test_a_package_waits_for_a_person(steps: dict[str, Step]) -> None:
    assert steps["Register"]["Arguments"]["ModelApprovalStatus"] == "PendingManualApproval"


def test_a_package_holds_its_evaluation(steps: dict[str, Step]) -> None:
    statistics = steps["Register"]["Arguments"]["ModelMetrics"]["ModelQuality"]["Statistics"]
    assert statistics["S3Uri"]["Std:Join"]["Values"][-1] == "evaluation.json"


def test_a_package_has_the_digest_that_the_evaluation_gave_itself(steps: dict[str, Step]) -> None:
    _, digests = steps["Evaluate"]["PropertyFiles"]
    assert (digests["FilePath"], digests["OutputName"]) == ("digests.json", "evaluation")
    asked = steps["Register"]["Arguments"]["ModelMetrics"]["ModelQuality"]["Statistics"]["ContentDigest"]
    assert asked["Std:JsonGet"]["PropertyFile"] == {
        "Get": f"Steps.Evaluate.PropertyFiles.{digests['PropertyFileName']}"
    }
    assert asked["Std:JsonGet"]["Path"] == "evaluation"


def test_a_package_carries_no_variable_of_the_machine_that_rendered_it(steps: dict[str, Step]) -> None:
    (container,) = steps["Register"]["Arguments"]["InferenceSpecification"]["Containers"]
    assert set(container) == {"Image", "ModelDataUrl"}


def test_a_refused_model_is_told_where_to_read_why(steps: dict[str, Step]) -> None:
    values = steps["Fail"]["Arguments"]["ErrorMessage"]["Std:Join"]["Values"]
    assert "does not beat its references by more than 0.0 on the newest rows" in values[0]
    assert "loses more than 0.05 to the champion on the old" in values[0]
    assert values[1]["Std:Join"]["Values"][-1] == "evaluation.json"


def test_every_placeholder_is_one_that_the_stack_fills(model: Model) -> None:
    text = model.definition_path.read_text()
    used = {part.partition("}")[0] for part in text.split("${")[1:]}
    assert used <= PLACEHOLDERS
