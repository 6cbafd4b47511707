"""The pipeline, its role, and the definition it is filled with."""

import json
from pathlib import Path

import pytest

from mlops_constructs.pipeline_definition import LIMIT_BYTES, read_definition
from plumbline.configuration import Deployment, Environment, Model, ModelJob
from plumbline.errors import PlumblineError
from tests.house.assembly import RUNTIME_TAG, Assembly, Json, Template, listed, role_statements


@pytest.fixture
def staging(assembly: Assembly) -> Deployment:
    return assembly.platform.deployment(Environment.STAGING)


@pytest.fixture
def model(assembly: Assembly) -> Model:
    return assembly.models[0]


@pytest.fixture
def training(assembly: Assembly, staging: Deployment, model: Model) -> Template:
    return assembly[staging.stack_name("training", model)]


@pytest.fixture
def granted(training: Template, staging: Deployment, model: Model) -> dict[str, Json]:
    return role_statements(training.role(staging.role_name(model, ModelJob.PIPELINE)))


def _definition(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "definition.json"
    path.write_text(text)
    return path


def test_holds_the_committed_definition_with_placeholders_filled(
    assembly: Assembly, training: Template, staging: Deployment, model: Model
) -> None:
    pipeline = training.only("AWS::SageMaker::Pipeline")["Properties"]
    body, values = pipeline["PipelineDefinition"]["PipelineDefinitionBody"]["Fn::Sub"]
    assert json.loads(body) == json.loads(model.definition_path.read_text())
    assert values["RuntimeImage"] == assembly.platform.runtime_image(RUNTIME_TAG)
    assert values["DataKeyArn"] == {"Ref": "DataKey"}
    assert values["ModelPackageGroupName"] == staging.model_package_group(model)


def test_passes_only_the_four_job_roles_and_only_to_sagemaker(
    granted: dict[str, Json], training: Template, staging: Deployment, model: Model
) -> None:
    passing = granted["PassJobRoles"]
    passed = {
        training.resources[reference["Fn::GetAtt"][0]]["Properties"]["RoleName"] for reference in passing["Resource"]
    }
    jobs = (ModelJob.PREPARE, ModelJob.DATA_CHECK, ModelJob.TRAIN, ModelJob.EVALUATE)
    assert passed == {staging.role_name(model, job) for job in jobs}
    assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}


_JOBS = ["processing-job/pipelines-*", "training-job/pipelines-*"]


def test_runs_jobs_that_pipelines_named(granted: dict[str, Json], staging: Deployment) -> None:
    for sid in ("StartJobsInTheVpc", "LookAfterJobs"):
        assert granted[sid]["Resource"] == [staging.arn("sagemaker", job) for job in _JOBS]
    assert "sagemaker:AddTags" in granted["LookAfterJobs"]["Action"]


def test_starts_jobs_only_isolated_in_the_job_subnets_and_with_keys(granted: dict[str, Json]) -> None:
    condition = granted["StartJobsInTheVpc"]["Condition"]
    assert condition["Bool"] == {
        "sagemaker:InterContainerTrafficEncryption": "true",
        "sagemaker:NetworkIsolation": "true",
    }
    within = condition["ForAllValues:StringEquals"]
    assert within["sagemaker:VpcSubnets"] == [{"Ref": "SubnetA"}, {"Ref": "SubnetB"}]
    assert condition["Null"] == dict.fromkeys(within, "false")  # absent keys pass ForAllValues
    assert set(condition["StringEqualsIfExists"]) == {
        f"sagemaker:{what}KmsKey{ending}" for what in ("Volume", "Output") for ending in ("", "Arn")
    }
    for what in ("Volume", "Output"):
        denied = granted[f"DenyJobsWithout{what}Key"]
        assert denied["Effect"] == "Deny"
        assert denied["Condition"] == {
            "Null": {f"sagemaker:{what}KmsKey": "true", f"sagemaker:{what}KmsKeyArn": "true"}
        }


def test_registers_into_its_own_group_only(granted: dict[str, Json], staging: Deployment, model: Model) -> None:
    group = staging.model_package_group(model)
    assert granted["RegisterVersions"]["Resource"] == [
        staging.arn("sagemaker", f"model-package-group/{group}"),
        staging.arn("sagemaker", f"model-package/{group}/*"),
    ]
    assert "sagemaker:UpdateModelPackage" not in granted["RegisterVersions"]["Action"]


def test_what_it_registers_waits_for_the_approval_that_the_model_asks_for(
    granted: dict[str, Json], model: Model
) -> None:
    assert granted["RegisterVersions"]["Action"] == "sagemaker:CreateModelPackage"
    assert granted["RegisterVersions"]["Condition"] == {
        "StringEquals": {"sagemaker:ModelApprovalStatus": model.approval.status}
    }


def test_reads_nothing_but_evaluation_reports(granted: dict[str, Json], staging: Deployment, model: Model) -> None:
    reading = [s for s in granted.values() if any(a.startswith("s3:") for a in listed(s["Action"]))]
    assert [s["Resource"] for s in reading] == [f"arn:aws:s3:::{staging.data_bucket}/{model.name}/evaluations/*"]


def test_an_unknown_placeholder_is_refused_with_what_is_accepted(tmp_path: Path) -> None:
    path = _definition(tmp_path, '{"Steps": ["${DataBucket}", "${Typo}"]}')
    with pytest.raises(PlumblineError) as refused:
        read_definition(path, placeholders={"DataBucket": "b", "RuntimeImage": "i"})
    assert str(refused.value) == (
        f"{tmp_path.name}/definition.json: ${{Typo}} is not a placeholder that the stack fills; "
        "accepted: ${DataBucket}, ${RuntimeImage}."
    )
    assert refused.value.exit_code == 2


def test_a_definition_over_100_kb_is_refused(tmp_path: Path) -> None:
    path = _definition(tmp_path, json.dumps({"Steps": "x" * LIMIT_BYTES}))
    with pytest.raises(PlumblineError, match=r"has \d+ bytes; accepted: 102400 or fewer"):
        read_definition(path, placeholders={})


def test_blanks_of_the_committed_file_do_not_count(tmp_path: Path) -> None:
    path = _definition(tmp_path, '{"Steps":' + " " * LIMIT_BYTES + '"${A}"}')
    assert read_definition(path, placeholders={"A": "a"})


def test_a_missing_definition_is_refused_with_the_command_that_writes_it(tmp_path: Path) -> None:
    with pytest.raises(PlumblineError, match=r"the file is missing; `\./plumb render` writes it"):
        read_definition(tmp_path / "definition.json", placeholders={})


def test_a_definition_that_is_not_json_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlumblineError, match="cannot be read as JSON"):
        read_definition(_definition(tmp_path, "{"), placeholders={})
