"""Judges what the app defines."""

from plumbline.audit.gate import add_rules, synthesize

__all__ = ["add_rules", "synthesize"]
