"""The truth about a model's answers, delivered to production as a team's own system delivers it."""

import datetime
import json
import uuid
from collections.abc import Mapping

from plumbline.configuration import Deployment, Model, ModelJob
from plumbline.errors import PlumblineError
from plumbline.rehearsal.cloud import Cloud
from plumbline.rehearsal.session import Client, Session

_SERVICE = "ec2.amazonaws.com"


def deliver(
    *, cloud: Cloud, deployment: Deployment, model: Model, labels: Mapping[str, int], at: datetime.datetime
) -> None:
    """Delivers labels as Model Monitor's ground truth, in the role that the model has for it.

    The system that delivers is the first that the model's `labels_from` names; the rehearsal makes its role, which may
    do nothing but assume the model's, when it is first needed.

    Args:
        cloud: The cloud.
        deployment: Production.
        model: The model.
        labels: The truth by inference id.
        at: When they arrive, with its time zone.

    Raises:
        PlumblineError: The model names nobody who delivers, or a system of an account that the cloud does not have.
        botocore.exceptions.ClientError: A policy refuses it.
    """
    arn = deployment.role_arn(model, ModelJob.LABEL)
    session = cloud.assume(arn, caller=_system(cloud, deployment, model), name="labels")
    moment = at.astimezone(datetime.UTC)
    lines = "".join(f"{json.dumps(_ground_truth(id_, label, moment))}\n" for id_, label in labels.items())
    key = f"{model.name}/labels/{moment:%Y/%m/%d/%H}/{uuid.uuid4()}.jsonl"
    session.client("s3").put_object(Bucket=deployment.capture_bucket, Key=key, Body=lines.encode())


def _ground_truth(id_: str, label: int, moment: datetime.datetime) -> dict[str, object]:
    """Developer guide, "Ingest ground truth labels and merge them with predictions"."""
    return {
        "groundTruthData": {"data": str(label), "encoding": "CSV"},
        "eventMetadata": {"eventId": id_},
        "eventVersion": "0",
        "eventTime": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
    }


def _system(cloud: Cloud, deployment: Deployment, model: Model) -> Session:
    """The team's system, in its role."""
    names = model.monitoring.labels_from if model.monitoring else []
    if not names:
        raise PlumblineError(f"{model.name}: monitoring.labels_from names nobody who delivers labels", exit_code=1)
    arn = names[0] if names[0].startswith("arn:") else deployment.iam_arn(f"role/{names[0]}")
    account, role = arn.split(":")[4], arn.rpartition(":role/")[2]
    if account not in cloud.options.accounts:
        raise PlumblineError(
            f"{model.name}: the rehearsal has no account {account}, which delivers labels", exit_code=1
        )
    iam = cloud.administrator(account).client("iam")
    _make(iam, role, may_assume=deployment.role_arn(model, ModelJob.LABEL))
    return cloud.assume_as_service(arn, service=_SERVICE, source_account=account, source_arn=arn)


def _make(iam: Client, role: str, *, may_assume: str) -> None:
    path, _, name = role.rpartition("/")
    trust = {"Effect": "Allow", "Principal": {"Service": _SERVICE}, "Action": "sts:AssumeRole"}
    assume = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": may_assume}
    roles = [one["RoleName"] for page in iam.get_paginator("list_roles").paginate() for one in page["Roles"]]
    if name not in roles:
        iam.create_role(
            RoleName=name,
            Path=f"/{path}/" if path else "/",
            AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
        )
    iam.put_role_policy(
        RoleName=name,
        PolicyName=may_assume.rpartition("/")[2],
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [assume]}),
    )
