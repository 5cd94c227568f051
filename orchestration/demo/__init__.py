"""The demo: a synthetic collection (合成数据) and the marts expected from it (the truth).

Only the command line, the tests and the benchmark import it.

Belongs here: generating data to try, test and measure the pipeline with. Doesn't belong here:
anything that the pipeline uses.
"""

from orchestration.demo.generate import DemoSummary, generate

__all__ = ["DemoSummary", "generate"]
