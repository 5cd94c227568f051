"""Entry point of ``python -m orchestration.cli``, the same as ``tongbao``."""

from orchestration.cli import main

main()
