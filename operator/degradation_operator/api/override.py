"""A person's hand on the level."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from degradation_operator.api.base import AnyLevel, Model, Text
from degradation_operator.api.timestamps import Timestamp


class Override(Model):
    """A person's hand on the level, with a reason and an end."""

    level: AnyLevel = Field(
        description="The level while it is in force, better or worse than the computed one."
    )
    reason: Annotated[Text, Field(min_length=1, max_length=256)] = Field(
        description="Why, for whoever looks next."
    )
    until: Timestamp = Field(description="When it ends, with a zone, such as 2026-11-23T20:04:05Z.")


class StatusSpec(Model):
    """The spec of a DegradationStatus: the part of it that is a person's."""

    override: Override | None = Field(
        default=None, description="Sets the level by hand; `degradation override` writes it."
    )
