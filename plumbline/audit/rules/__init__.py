"""Plumbline's own rules: what no scanner knows, judged from a template's JSON alone."""

from plumbline.audit.rules.catalogue import RULES
from plumbline.audit.rules.judgement import Judgement, judge
from plumbline.audit.rules.rule import Place, Rule, RuleOutcome

__all__ = ["RULES", "Judgement", "Place", "Rule", "RuleOutcome", "judge"]
