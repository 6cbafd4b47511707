import pytest

from plumbline.errors import PlumblineError
from plumbline.render.validation import Json, validate

REGISTER: dict[str, Json] = {"ModelPackageGroupName": "${ModelPackageGroupName}"}


def definition(*steps: Json) -> dict[str, Json]:
    return {"Version": "2020-12-01", "Steps": list(steps)}


def register(**arguments: Json) -> dict[str, Json]:
    return {"Name": "Register", "Type": "RegisterModel", "Arguments": {**REGISTER, **arguments}}


def test_a_value_known_only_at_run_time_passes_as_the_type_that_is_wanted() -> None:
    validate(
        definition(
            register(
                CustomerMetadataProperties={"commit": {"Get": "Parameters.CommitId"}},
                ModelApprovalStatus={"Std:Join": {"On": "", "Values": ["Approved"]}},
                CertifyForMarketplace={"Get": "Parameters.Certify"},
            )
        )
    )


def test_an_unknown_argument_is_refused() -> None:
    with pytest.raises(PlumblineError, match=r"step Register: CreateModelPackage would refuse .*ModelPackageGroupNam"):
        validate(definition(register(ModelPackageGroupNames="x")))


def test_a_wrong_type_is_refused() -> None:
    with pytest.raises(PlumblineError, match="CertifyForMarketplace"):
        validate(definition(register(CertifyForMarketplace="yes")))


def test_steps_inside_a_condition_are_checked() -> None:
    inside = register(CertifyForMarketplace="yes")
    gate: Json = {"Name": "Gate", "Type": "Condition", "Arguments": {"Conditions": [], "IfSteps": [inside]}}
    with pytest.raises(PlumblineError, match="step Register"):
        validate(definition(gate))


def test_a_placeholder_is_as_long_as_what_replaces_it() -> None:
    """`${TrainRoleArn}` is shorter than the shortest ARN that the API takes."""
    job: Json = {
        "Name": "Train",
        "Type": "Training",
        "Arguments": {
            "AlgorithmSpecification": {"TrainingInputMode": "File"},
            "OutputDataConfig": {"S3OutputPath": "s3://bucket"},
            "ResourceConfig": {"VolumeSizeInGB": 1},
            "RoleArn": "${TrainRoleArn}",
            "StoppingCondition": {},
        },
    }
    validate(definition(job))
