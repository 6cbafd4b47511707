"""What is looked at in an account, one topic a module; each has its `CHECKS`."""
