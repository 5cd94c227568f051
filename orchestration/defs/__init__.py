"""All Dagster code: assets, jobs, schedules, sensors, the run launcher, runs in this process.

Belongs here: how stages are scheduled, retried and shown. Doesn't belong here: the work of a stage
(``orchestration.stages``). Only this folder and ``definitions.py`` import Dagster.
"""
