"""Moments on the wall clock, as RFC 3339 writes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

MAX_LENGTH: Final = 40

_RFC3339: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})"
)


def _read(value: object) -> datetime:
    moment = None
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, str) and len(value) <= MAX_LENGTH and _RFC3339.fullmatch(value):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:  # the 30th of February
            moment = None
    if moment is None or moment.tzinfo is None:
        raise PydanticCustomError("timestamp", "must be {expected}", {"expected": EXPECTED})
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise PydanticCustomError("timestamp", "must be {expected}", {"expected": EXPECTED}) from None


EXPECTED: Final = "a time with its zone, such as 2026-11-23T20:04:05Z"


def rfc3339(moment: datetime) -> str:
    """An aware moment as RFC 3339 in UTC, to the millisecond: `2026-11-23T20:04:05.123Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read_moment(text: str) -> datetime | None:
    """An aware moment in UTC; None where the text is none, as where a person has written into a document."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if _RFC3339.fullmatch(text) else None
    except (ValueError, OverflowError):
        return None


Timestamp = Annotated[
    datetime,
    BeforeValidator(_read),
    PlainSerializer(rfc3339, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "maxLength": MAX_LENGTH}),
]
"""An aware `datetime` in UTC; read from RFC 3339 with a zone, written to the millisecond."""
