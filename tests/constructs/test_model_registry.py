"""The model package group and who reads it."""

from plumbline.configuration import Environment
from tests.house.assembly import Assembly


def test_production_reads_versions_of_staging_to_copy_them(assembly: Assembly) -> None:
    staging, production = (assembly.platform.deployment(e) for e in (Environment.STAGING, Environment.PRODUCTION))
    model = assembly.models[0]
    group = assembly[staging.stack_name("training", model)].only("AWS::SageMaker::ModelPackageGroup")["Properties"]
    (statement,) = group["ModelPackageGroupPolicy"]["Statement"]
    assert statement["Action"] == "sagemaker:DescribeModelPackage"
    versions = f"model-package/{staging.model_package_group(model)}/*"
    assert statement["Resource"] == staging.arn("sagemaker", versions)
    assert statement["Principal"] == {"AWS": production.iam_arn("root")}
    assert statement["Condition"]["ArnLike"]["aws:PrincipalArn"] == production.role_arn(model, "copy")


def test_production_has_a_group_of_copies_that_nobody_else_reads(assembly: Assembly) -> None:
    production, model = assembly.platform.deployment(Environment.PRODUCTION), assembly.models[0]
    group = assembly[production.stack_name("access", model)].only("AWS::SageMaker::ModelPackageGroup")
    assert group["Properties"]["ModelPackageGroupName"] == production.model_package_group(model)
    assert "ModelPackageGroupPolicy" not in group["Properties"]
    assert group["DeletionPolicy"] == "RetainExceptOnCreate"


def test_nobody_else_reads_versions_in_dev(assembly: Assembly) -> None:
    dev, model = assembly.platform.deployment(Environment.DEV), assembly.models[0]
    group = assembly[dev.stack_name("training", model)].only("AWS::SageMaker::ModelPackageGroup")["Properties"]
    assert "ModelPackageGroupPolicy" not in group
