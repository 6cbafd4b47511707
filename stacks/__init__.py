"""What is deployed: one file a stack, composition only."""
