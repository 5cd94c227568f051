"""A synthetic collection (合成数据) and what should come out of it.

Belongs here: a made-up nation for trying, testing and measuring the pipeline. Nothing but the
command line, the tests and the benchmark imports it.
"""

from orchestration.demo.generate import DemoSummary, generate

__all__ = ["DemoSummary", "generate"]
