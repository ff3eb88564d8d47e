"""Rules over several dependencies, and features that go on and off."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from degradation.document import State
from degradation_operator.api.base import AnyLevel, DegradedLevel, Mistake, Model, Name, repeated


class Term(Model):
    """One dependency being in one of some states."""

    dependency: Name = Field(description="Name of a dependency of this policy.")
    states: Annotated[tuple[State, ...], Field(min_length=1, max_length=4)] = Field(
        description="States that match: Up, Slow, ReadOnly, Down."
    )

    def mistakes(self) -> Iterator[Mistake]:
        """Each state once."""
        for state in repeated(self.states):
            yield Mistake(("states",), f"{state} is given twice; once is enough")


_Terms = Annotated[tuple[Term, ...], Field(min_length=1, max_length=8)]


class Rule(Model):
    """A level for a combination of states; exactly one of allOf and anyOf is given."""

    name: Name = Field(description="Unique within the policy.")
    level: DegradedLevel = Field(
        description="The application runs at this level or a worse one while it matches."
    )
    all_of: _Terms | None = Field(default=None, description="Matches while every term does.")
    any_of: _Terms | None = Field(default=None, description="Matches while some term does.")

    @property
    def terms(self) -> tuple[Term, ...]:
        """The terms of whichever of allOf and anyOf is given."""
        return self.all_of or self.any_of or ()

    def mistakes(self) -> Iterator[Mistake]:
        """Exactly one of allOf and anyOf."""
        if self.all_of and self.any_of:
            yield Mistake((), "only one of allOf and anyOf is allowed, not both")
        if not self.all_of and not self.any_of:
            yield Mistake((), "one of allOf and anyOf is required")


class Feature(Model):
    """Something the application does, on while the level is at most maxLevel and nothing required is Down."""

    name: Name = Field(description="Unique within the policy.")
    max_level: AnyLevel = Field(default=5, description="The worst level at which it is on.")
    requires: Annotated[tuple[Name, ...], Field(max_length=8)] = Field(
        default=(), description="Names of dependencies without which it is off."
    )

    def mistakes(self) -> Iterator[Mistake]:
        """Each name once."""
        for name in repeated(self.requires):
            yield Mistake(("requires",), f"{name} is given twice; once is enough")
