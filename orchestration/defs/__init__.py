"""Everything that knows Dagster: assets, jobs, schedules, sensors, the launcher, runs in process.

Belongs here: how stages are scheduled, tried again and shown. Doesn't belong here: what a stage
does (``orchestration.stages``). Only this folder and ``definitions.py`` import Dagster.
"""
