"""``python -m orchestration.cli`` is ``tongbao``."""

from orchestration.cli import main

main()
