"""Coverage-guided fuzzing of the parsers, for a bounded time (``python -m tests.fuzz.parsers``)."""
