"""Judges what the app defines."""

from plumbline.audit.gate import add_rules, refuse_stale_waivers

__all__ = ["add_rules", "refuse_stale_waivers"]
