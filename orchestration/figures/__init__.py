"""Figures: what a number of an edition is, described once for all that print or recompute it.

Belongs here: rounding and formatting. Doesn't belong here: making figures (dbt) and documents
(``bulletin``).
"""
