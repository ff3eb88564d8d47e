"""Durations as people write them in policies and environments: `250ms`, `5s`, `1h30m`."""

from __future__ import annotations

import re
from typing import Final

_PART: Final = re.compile(r"(\d{1,6})(ms|s|m|h)")
_WHOLE: Final = re.compile(r"(?:\d{1,6}(?:ms|s|m|h))+")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_duration(text: str) -> float:
    """Seconds of a duration.

    Raises:
        ValueError: It is none; the message says how one is written.
    """
    if not _WHOLE.fullmatch(text):
        raise ValueError(
            f"{text!r} is no duration: write whole numbers with ms, s, m or h, as in 250ms, 5m or 1h30m"
        )
    return sum(int(number) * _SECONDS[unit] for number, unit in _PART.findall(text))
