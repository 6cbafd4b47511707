"""What was decided on the retraining of models."""
