"""A year of a model in production, month by month: traffic, late truth, monitors, alarms, decisions, retraining."""
