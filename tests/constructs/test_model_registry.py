"""The model package group and who reads it."""

from plumbline.configuration import Environment
from tests.house.assembly import Assembly


def test_production_makes_models_of_versions_in_staging(assembly: Assembly) -> None:
    staging, production = (assembly.platform.deployment(e) for e in (Environment.STAGING, Environment.PRODUCTION))
    model = assembly.models[0]
    group = assembly[staging.stack_name("training", model)].only("AWS::SageMaker::ModelPackageGroup")["Properties"]
    (statement,) = group["ModelPackageGroupPolicy"]["Statement"]
    assert statement["Action"] == ["sagemaker:CreateModel", "sagemaker:DescribeModelPackage"]
    versions = f"model-package/{staging.model_package_group(model)}/*"
    assert statement["Resource"] == staging.arn("sagemaker", versions)
    assert statement["Principal"] == {"AWS": production.iam_arn("root")}
    assert statement["Condition"]["ArnLike"]["aws:PrincipalArn"] == [
        production.role_arn(model, "release-execution"),
        production.role_arn(model, "serve"),
    ]


def test_nobody_else_reads_versions_in_dev(assembly: Assembly) -> None:
    dev, model = assembly.platform.deployment(Environment.DEV), assembly.models[0]
    group = assembly[dev.stack_name("training", model)].only("AWS::SageMaker::ModelPackageGroup")["Properties"]
    assert "ModelPackageGroupPolicy" not in group
