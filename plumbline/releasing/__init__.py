"""What a person does with a model's releases: answers the one that waits, and goes back to an earlier one."""
