"""Buckets of stacks that are replicated."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from plumbline.rehearsal.cloud import Cloud
from tests.plumbline.rehearsal.replication.world import HERE, World
from tests.plumbline.rehearsal.stack import Stack

pytestmark = pytest.mark.rehearsal


def bucket(world: World, name: str, **members: Any) -> dict[str, Any]:
    rule = world.rule()
    # A template names it otherwise than the API.
    rule["Id"] = rule.pop("ID")
    properties = {
        "BucketName": name,
        "VersioningConfiguration": {"Status": "Enabled"},
        "ReplicationConfiguration": {"Role": world.role, "Rules": [rule | members]},
    }
    return {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": properties}}


def test_a_bucket_of_a_stack_has_the_rule_of_its_template_and_loses_it_again(cloud: Cloud) -> None:
    world = World(cloud)
    stack, name = Stack(cloud, f"replicated-{world.number}", account=HERE), f"stacked-{world.number}"
    assert stack.create(bucket(world, name)) == "CREATE_COMPLETE"
    found = world.here.get_bucket_replication(Bucket=name)["ReplicationConfiguration"]
    assert found == {"Role": world.role, "Rules": [world.rule()]}
    without = bucket(world, name)
    del without["Bucket"]["Properties"]["ReplicationConfiguration"]
    assert stack.update(without) == "UPDATE_COMPLETE"
    with pytest.raises(ClientError, match="ReplicationConfigurationNotFoundError"):
        world.here.get_bucket_replication(Bucket=name)


def test_a_rule_that_is_not_carried_out_fails_its_stack_saying_so(cloud: Cloud) -> None:
    world = World(cloud)
    stack = Stack(cloud, f"unreplicated-{world.number}", account=HERE)
    made = bucket(world, f"unstacked-{world.number}", DeleteMarkerReplication={"Status": "Enabled"})
    assert stack.create(made) == "ROLLBACK_COMPLETE"
    assert "does not have replication of delete markers" in stack.reasons()
