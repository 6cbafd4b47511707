"""The repository of the runtime image."""

from fnmatch import fnmatchcase

import pytest

from plumbline.configuration import Environment, ModelJob
from tests.house.assembly import Assembly, Json


@pytest.fixture
def repository(assembly: Assembly) -> Json:
    properties: Json = assembly[f"{assembly.platform.name}-delivery"].only("AWS::ECR::Repository")["Properties"]
    return properties


def test_images_do_not_change_and_are_scanned_and_encrypted(repository: Json, assembly: Assembly) -> None:
    assert repository["RepositoryName"] == assembly.platform.runtime_repository
    assert repository["ImageTagMutability"] == "IMMUTABLE"
    assert repository["ImageScanningConfiguration"] == {"ScanOnPush": True}
    assert repository["EncryptionConfiguration"]["EncryptionType"] == "KMS"


def test_an_image_that_a_model_names_is_never_cleaned_away(repository: Json) -> None:
    assert '"tagStatus":"untagged"' in repository["LifecyclePolicy"]["LifecyclePolicyText"]
    assert repository["LifecyclePolicy"]["LifecyclePolicyText"].count("rulePriority") == 1


@pytest.mark.parametrize("environment", [Environment.DEV, Environment.STAGING])
@pytest.mark.parametrize(
    "job", [ModelJob.PREPARE, ModelJob.DATA_CHECK, ModelJob.TRAIN, ModelJob.EVALUATE, ModelJob.SERVE]
)
def test_jobs_that_train_pull_from_delivery(
    repository: Json, assembly: Assembly, environment: Environment, job: ModelJob
) -> None:
    deployment = assembly.platform.deployment(environment)
    (statement,) = repository["RepositoryPolicyText"]["Statement"]
    assert {"AWS": deployment.iam_arn("root")}["AWS"] in statement["Principal"]["AWS"]
    arn = deployment.role_arn(assembly.models[0], job)
    assert any(fnmatchcase(arn, pattern) for pattern in statement["Condition"]["ArnLike"]["aws:PrincipalArn"])


def _pullers(repository: Json) -> list[str]:
    (statement,) = repository["RepositoryPolicyText"]["Statement"]
    patterns: list[str] = statement["Condition"]["ArnLike"]["aws:PrincipalArn"]
    return patterns


def test_production_takes_nothing_from_delivery_but_copies(repository: Json, assembly: Assembly) -> None:
    production = assembly.platform.deployment(Environment.PRODUCTION)
    of_production = [pattern for pattern in _pullers(repository) if production.account in pattern]
    assert of_production == [production.iam_arn(f"role/{production.prefix}-*-copy")]


def test_production_pulls_from_a_repository_of_its_own(assembly: Assembly) -> None:
    production = assembly.platform.deployment(Environment.PRODUCTION)
    own = assembly[production.stack_name("foundation")].only("AWS::ECR::Repository")["Properties"]
    assert own["RepositoryName"] == assembly.platform.runtime_repository
    assert own["ImageTagMutability"] == "IMMUTABLE"
    assert own["EncryptionConfiguration"]["EncryptionType"] == "KMS"
    assert all(pattern.startswith(production.iam_arn("role/")) for pattern in _pullers(own))
    assert production.iam_arn(f"role/{production.prefix}-*-serve") in _pullers(own)


@pytest.mark.parametrize("name", ["plumbline-dev-flight-delays-pipeline", "admin", "other-dev-model-train"])
def test_other_roles_do_not_pull(repository: Json, assembly: Assembly, name: str) -> None:
    arn = assembly.platform.deployment(Environment.DEV).iam_arn(f"role/{name}")
    (statement,) = repository["RepositoryPolicyText"]["Statement"]
    assert not any(fnmatchcase(arn, pattern) for pattern in statement["Condition"]["ArnLike"]["aws:PrincipalArn"])
