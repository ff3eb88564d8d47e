"""The pytest plugin: it is loaded wherever the SDK is installed, so it imports next to nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from degradation.agent import Agent


class Simulate(Protocol):
    """What the fixture gives: `simulate`, in force until the test ends."""

    def __call__(
        self,
        agent: Agent,
        *,
        level: int | None = None,
        down: Collection[str] = (),
        off: Collection[str] = (),
        stale: bool = False,
    ) -> Agent: ...


@pytest.fixture
def degradation_simulate() -> Iterator[Simulate]:
    """`degradation_simulate(agent, level=4, off={"cache"})`: in force until the test ends."""
    from degradation.testing import simulate  # noqa: PLC0415 - only for tests that use it

    with ExitStack() as simulations:

        def begin(
            agent: Agent,
            *,
            level: int | None = None,
            down: Collection[str] = (),
            off: Collection[str] = (),
            stale: bool = False,
        ) -> Agent:
            simulation = simulate(agent, level=level, down=down, off=off, stale=stale)
            return simulations.enter_context(simulation)

        yield begin
