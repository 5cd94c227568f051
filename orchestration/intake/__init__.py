"""Intake: writes new landing objects to the ``raw`` tables, and one receipt for each object.

Belongs here: listing, parsing, the contracts of the document types, receipts. A rule about one
unit's document belongs here or in the seeds. Doesn't belong here: which document is effective and
how a value compares with last year (dbt), whether a year is fit to publish (gate).

The package imports none of its modules: the worker processes need those that parse, and must not
pay for those that use the store and the lake.
"""
