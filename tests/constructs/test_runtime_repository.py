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


@pytest.mark.parametrize("environment", list(Environment))
@pytest.mark.parametrize("job", [ModelJob.PREPARE, ModelJob.TRAIN, ModelJob.EVALUATE, ModelJob.SERVE])
def test_jobs_of_every_account_pull(
    repository: Json, assembly: Assembly, environment: Environment, job: ModelJob
) -> None:
    deployment = assembly.platform.deployment(environment)
    (statement,) = repository["RepositoryPolicyText"]["Statement"]
    assert {"AWS": deployment.iam_arn("root")}["AWS"] in statement["Principal"]["AWS"]
    arn = deployment.role_arn(assembly.models[0], job)
    assert any(fnmatchcase(arn, pattern) for pattern in statement["Condition"]["ArnLike"]["aws:PrincipalArn"])


@pytest.mark.parametrize("name", ["plumbline-dev-flight-delays-pipeline", "admin", "other-dev-model-train"])
def test_other_roles_do_not_pull(repository: Json, assembly: Assembly, name: str) -> None:
    arn = assembly.platform.deployment(Environment.DEV).iam_arn(f"role/{name}")
    (statement,) = repository["RepositoryPolicyText"]["Statement"]
    assert not any(fnmatchcase(arn, pattern) for pattern in statement["Condition"]["ArnLike"]["aws:PrincipalArn"])
