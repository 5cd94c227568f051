"""Figures: what a number of an edition is, described once for all that print or recompute it.

A new column becomes a figure like this:

1. Describe it in ``dbt_project/models/marts/_marts.yml``, below a model with ``has_figures: true``.
   The grain there is the grain in the figures' ids; the Chinese description up to its first
   punctuation is the label. A new mart needs ``grain`` (the year first) and ``has_figures``.
2. Name it so that its unit of print follows (``printing``): ``…_rate`` and ``…attainment`` are
   fractions, ``…_rank`` is a rank, whole numbers are counts.
3. Print it in a section with ``row.figure("column")``. The change table and the check of finished
   documents then have it without further code; ``trace`` also needs its recomputation
   (``recompute``).

Names, lists and numbers in prose that are no figure are claims: the module that prints them says
how they are recomputed (``claims``).

Belongs here: ids, descriptions, labels, rounding, formatting and recomputation of figures, and the
registry of claims. Doesn't belong here: making figures (dbt) and documents (``bulletin``).
"""
