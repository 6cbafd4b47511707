"""The constructs of which the stacks are composed; one concept a module."""
