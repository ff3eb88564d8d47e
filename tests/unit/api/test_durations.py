from typing import Annotated

import pytest
from pydantic import TypeAdapter, ValidationError

from degradation_operator.api.durations import Between, Duration

_Bounded = Annotated[Duration, Between("1s", "1h")]


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("250ms", 250),
        ("5s", 5_000),
        ("2m", 120_000),
        ("1h30m", 5_400_000),
        ("0s", 0),
        ("1s1s", 2_000),
        ("999999h", 3_599_996_400_000),
    ],
)
def test_reads(text: str, milliseconds: int) -> None:
    duration = Duration(text)
    assert (str(duration), duration.milliseconds, duration.seconds) == (
        text,
        milliseconds,
        milliseconds / 1000,
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "s",
        "1d",
        "-5s",
        "+5s",
        "5 s",
        "0.5s",
        "1000000s",
        "5s\n",
        "\uff15s",
        "1us",
        "1h30",
        "5S",
        "1s" * 9,
    ],
)
def test_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        Duration(text)


def test_compares_lengths_and_not_spellings() -> None:
    assert Duration("60s") == Duration("1m")
    assert hash(Duration("60s")) == hash(Duration("1m"))
    assert Duration("999ms") < Duration("1s")


def test_bounds_are_included() -> None:
    adapter: TypeAdapter[Duration] = TypeAdapter(_Bounded)
    assert [str(adapter.validate_python(text)) for text in ("1s", "60m")] == ["1s", "60m"]
    for text in ("999ms", "3601s"):
        with pytest.raises(ValidationError, match="between 1s and 1h"):
            adapter.validate_python(text)


def test_schema_for_the_cluster() -> None:
    assert TypeAdapter(_Bounded).json_schema() == {
        "type": "string",
        "maxLength": 16,
        "pattern": "^([0-9]{1,6}(ms|s|m|h))+$",
    }
