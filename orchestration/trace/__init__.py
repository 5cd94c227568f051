"""Traces: lead from a figure of a bulletin to the submissions that it was computed from.

Belongs here: reading the figure's mart row and the units and documents behind it at a pinned
snapshot, recomputing the figure from them, and presenting the result (terminal, JSON, pages).
Doesn't belong here: making figures (dbt) and judging them (``gate``).
"""

from orchestration.figures.ids import FigureId, parse_figure
from orchestration.trace.model import Trace
from orchestration.trace.text import trace_lines
from orchestration.trace.tracing import trace

__all__ = ["FigureId", "Trace", "parse_figure", "trace", "trace_lines"]
