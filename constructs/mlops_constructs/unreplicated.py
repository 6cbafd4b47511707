"""Why no bucket of the platform is replicated to another region."""

from datetime import date

from constructs import IConstruct

from mlops_constructs.waiver import Waiver, compliance_rules, waive


def waive_replication(bucket: IConstruct) -> None:
    """Excuses a bucket from replication.

    Args:
        bucket: The bucket.
    """
    waive(
        bucket,
        *(
            Waiver(
                id="one-region",
                rule=rule,
                reason="The platform keeps to one region, and data must not leave it; versions and retention guard "
                "against loss, and S3 itself keeps each object in three zones. A region that fails is a matter of the "
                "recovery plan, not of a bucket.",
                owner="platform",
                until=date(2027, 11, 30),
            )
            for rule in compliance_rules("S3BucketReplicationEnabled")
        ),
    )
