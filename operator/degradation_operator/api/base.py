"""What all models of the API share: spelling, strictness, and how a mistake between fields is reported."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, Strict, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

MISTAKES: Final = "mistakes"
"""The type of the error that carries `Mistake`s in its context."""

_LABEL: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"

# Whatever is not a string, a whole number or a boolean in YAML does not become one here: `"3"`, `2.0` and
# `yes` where a text is meant are the traps that a person wants to hear about.
Text = Annotated[str, Strict()]
Whole = Annotated[int, Strict()]
Flag = Annotated[bool, Strict()]
Name = Annotated[Text, Field(min_length=1, max_length=63, pattern=rf"^{_LABEL}$")]
Subdomain = Annotated[Text, Field(min_length=1, max_length=253, pattern=rf"^{_LABEL}(\.{_LABEL})*$")]
DegradedLevel = Annotated[Whole, Field(ge=2, le=5)]
AnyLevel = Annotated[Whole, Field(ge=1, le=5)]


class Mistake(NamedTuple):
    """Something wrong between fields of one model.

    Attributes:
        at: The path below the model, such as `("timeout",)`, in the API's spelling; empty for the model itself.
        message: What is wrong and what would be right.
    """

    at: tuple[str | int, ...]
    message: str


class Model(BaseModel):
    """A part of the API: `camelCase` outside, `snake_case` here; frozen; unknown keys are refused.

    Code may construct by attribute name; what a person wrote is read by alias only (`parse`).
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        extra="forbid",
        frozen=True,
        validate_default=False,
        hide_input_in_errors=True,  # an input may be a secret in the wrong place
    )

    def mistakes(self) -> Iterator[Mistake]:
        """What is wrong between fields that are each right by themselves."""
        yield from ()

    @model_validator(mode="after")
    def _refuse_mistakes(self) -> Self:
        if found := tuple(self.mistakes()):
            raise PydanticCustomError(
                MISTAKES, "{summary}", {"summary": "; ".join(m.message for m in found), "mistakes": found}
            )
        return self

    def dump(self) -> dict[str, Any]:
        """As JSON-like data in the API's spelling; what is None is left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def repeated(values: tuple[str, ...]) -> list[str]:
    """Each value that stands more than once, once, in order."""
    return [value for value in dict.fromkeys(values) if values.count(value) > 1]
