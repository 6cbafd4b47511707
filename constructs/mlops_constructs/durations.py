"""Lengths of time, which cross to JavaScript once a process and not once a resource."""

import functools

from aws_cdk import Duration


@functools.cache
def days(count: int) -> Duration:
    """So many days."""
    return Duration.days(count)
