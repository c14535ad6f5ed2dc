"""
Desired minus facts: ordered steps.  Pure: the same spec and facts plan alike, byte for byte.
"""

from cinestream_ops.plan.plan import Plan, plan

__all__ = ["Plan", "plan"]
