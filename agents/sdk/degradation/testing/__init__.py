"""For tests of applications: make an agent say what a test is about."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from degradation._board import Simulation
from degradation.agent import Agent
from degradation.level import Level

__all__ = ["simulate"]


@contextmanager
def simulate(
    agent: Agent,
    *,
    level: int | None = None,
    down: Collection[str] = (),
    off: Collection[str] = (),
    stale: bool = False,
) -> Iterator[Agent]:
    """Within it, the agent says what is given here, on top of whatever applies.

    No I/O and no waiting, and the agent need not run. `on_change` is called at both ends; simulations nest,
    and each end restores what was before. The source is `simulated`; the status is Stale if asked for, else
    Ready.

    A level does not switch features off by itself, nor does a dependency that is down: which features that
    concerns stands in the policy, and only its document would know. Name them in `off`.

    Args:
        agent: Whose word it is.
        level: 1 to 5; None: as it is.
        down: Names of dependencies whose state is Down.
        off: Names of features that are off.
        stale: Whether the status is Stale.

    Raises:
        ValueError: The level does not exist.
        TypeError: `down` or `off` is a single text: it would be taken letter by letter.
    """
    for name, names in (("down", down), ("off", off)):
        if isinstance(names, str):
            raise TypeError(f'{name} takes several names: write {name}={{"{names}"}}')
    simulation = Simulation(
        level=None if level is None else Level(level), down=frozenset(down), off=frozenset(off), stale=stale
    )
    with agent._board.simulate(simulation):  # noqa: SLF001 - of this package, and no business of applications
        yield agent
