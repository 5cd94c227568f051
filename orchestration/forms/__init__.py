"""Reporting forms: the XLSX workbooks that units fill in, made from the catalogue.

Belongs here: the form of a task, and the list of changes since the former year's forms. Doesn't
belong here: reading forms that were filled in (``intake``).
"""

from orchestration.forms.changes import FormsSummary, publish_forms
from orchestration.forms.form import FormUnit, make_form
from orchestration.forms.units import expected_units

__all__ = ["FormUnit", "FormsSummary", "expected_units", "make_form", "publish_forms"]
