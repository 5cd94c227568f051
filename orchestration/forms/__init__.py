"""Reporting forms: what a unit fills in, made from the catalogue.

Belongs here: the XLSX form of a task and what changed in the forms since last year. What a unit
fills in goes through intake like anything else. Doesn't belong here: reading forms (``intake``).
"""

from orchestration.forms.changes import FormsSummary, publish_forms
from orchestration.forms.form import FormUnit, make_form
from orchestration.forms.units import expected_units

__all__ = ["FormUnit", "FormsSummary", "expected_units", "make_form", "publish_forms"]
