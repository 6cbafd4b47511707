"""What a model is watched by: how far a window of its traffic, its answers and their truth are from a baseline."""
