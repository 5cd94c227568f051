"""atheris on ``parse_object``: whatever the bytes, it returns, with documents or with findings.

Usage: ``python -m tests.fuzz.parsers EXTENSION CORPUS [libFuzzer options]``. The first byte of an
input is none of the format's: the whole input is the object. An exception (answered with E016)
ends the process with the input written beside the corpus.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import atheris

with atheris.instrument_imports(include=["orchestration.intake"]):
    from orchestration.intake.documents import parse_object
    from orchestration.intake.formats import Limits
    from orchestration.intake.places import place_of

_LIMITS = Limits(expanded_bytes=2**22, rows=2_000)
_RECEIVED = datetime(2024, 12, 1, tzinfo=UTC)


def main() -> None:
    """Run until an option of libFuzzer ends it."""
    extension = sys.argv.pop(1)
    key = f"performance/year=2024/province=440000/x.{extension}"
    place = place_of(key, 2024)

    def once(data: bytes) -> None:
        parsed = parse_object(place, key, data, _LIMITS, _RECEIVED)
        assert parsed.documents or parsed.findings
        assert all(each.code != "E016" for each in parsed.findings), "something was raised"

    atheris.Setup(sys.argv, once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
