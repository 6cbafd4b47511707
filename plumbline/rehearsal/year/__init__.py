"""A year of a model in production, month by month: traffic, late truth, monitors, alarms, decisions, retraining."""

from plumbline.rehearsal.year.months import Scenery, play
from plumbline.rehearsal.year.page import PAGE, page
from plumbline.rehearsal.year.story import Passed, Quality, Retraining, Year

__all__ = ["PAGE", "Passed", "Quality", "Retraining", "Scenery", "Year", "page", "play"]
