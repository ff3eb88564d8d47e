"""Durations as people write them: `250ms`, `5s`, `1h30m`."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import PydanticCustomError, core_schema

PATTERN: Final = "^([0-9]{1,6}(ms|s|m|h))+$"
MAX_LENGTH: Final = 16
"""More than `1h30m15s500ms` needs; bounded, because validation rules in the cluster are priced by it."""

_PART: Final = re.compile("([0-9]{1,6})(ms|s|m|h)")
_WHOLE: Final = re.compile(f"({_PART.pattern})+")
_MILLISECONDS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}


@dataclass(frozen=True, order=True)
class Duration:
    """A length of time, to the millisecond; `60s` and `1m` are equal.

    Args:
        text: One or more whole numbers of at most six digits, each with a unit of `ms`, `s`, `m` or `h`; at
            most 16 characters.

    Raises:
        ValueError: The text is no such duration.
    """

    text: str = field(compare=False)
    milliseconds: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if len(self.text) > MAX_LENGTH or not _WHOLE.fullmatch(self.text):
            raise ValueError("no duration such as 250ms, 5s, 1h30m")
        total = sum(int(number) * _MILLISECONDS[unit] for number, unit in _PART.findall(self.text))
        object.__setattr__(self, "milliseconds", total)

    def __str__(self) -> str:
        return self.text

    @property
    def seconds(self) -> float:
        """The length in seconds."""
        return self.milliseconds / 1_000


@dataclass(frozen=True)
class Between:
    """Bounds of a field that holds a `Duration`, both included: `Annotated[Duration, Between("1s", "1h")]`."""

    least: str
    most: str

    def __get_pydantic_core_schema__(
        self, _source: object, _handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        least, most = Duration(self.least), Duration(self.most)
        expected = f"a duration such as 250ms, 5s, 1h30m between {self.least} and {self.most}"

        def read(value: object) -> Duration:
            if isinstance(value, str):
                with suppress(ValueError):  # what is left a str is refused below
                    value = Duration(value)
            if isinstance(value, Duration) and least <= value <= most:
                return value
            raise PydanticCustomError("duration", "must be {expected}", {"expected": expected})

        return core_schema.no_info_plain_validator_function(
            read, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    def __get_pydantic_json_schema__(
        self, _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        schema: dict[str, Any] = {"type": "string", "maxLength": MAX_LENGTH, "pattern": PATTERN}
        return schema
