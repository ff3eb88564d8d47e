"""What the application reads: the view that applies, the gates set by it, and who wants to hear of changes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from degradation._errors import FeatureDisabled
from degradation._listeners import Listeners
from degradation.document import State
from degradation.features import Gate
from degradation.level import Level
from degradation.view import Change, View, compare

__all__ = ["Board", "Simulation"]

MAX_UNDECLARED: Final = 256
"""How many names of undeclared features are counted: they come from code, but a bug can make them up."""

logger = logging.getLogger("degradation")


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """What a test wants to be true, on top of whatever applies.

    Attributes:
        level: The level; None: as it is.
        down: Dependencies whose state is Down.
        off: Features that are off.
        stale: Whether the agent calls itself Stale.
    """

    level: Level | None = None
    down: Collection[str] = ()
    off: Collection[str] = ()
    stale: bool = False

    def over(self, view: View) -> View:
        """The view with this on top."""
        return replace(
            view,
            level=view.level if self.level is None else self.level,
            dependencies={**view.dependencies, **dict.fromkeys(self.down, State.DOWN)},
            features={**view.features, **dict.fromkeys(self.off, False)},
            source="simulated",
        )


class Board:
    """Holds one immutable view, swapped whole: reading it is safe from any thread and never waits.

    Args:
        view: What applies at first.
    """

    def __init__(self, view: View) -> None:
        self.view = view
        self.listeners: Final = Listeners()
        self.undeclared: Final[dict[str, int]] = {}
        self.simulations: tuple[Simulation, ...] = ()
        self._followed = view
        self._gates: Final[dict[str, Gate]] = {}
        self._lock = threading.Lock()

    def publish(self, view: View, changes: Collection[Change] = ()) -> None:
        """From now on this view applies; the listeners hear of the changes that led to it."""
        with self._lock:
            self._followed = view
            change = self._swap()
        if self.simulations:
            changes = (change,) if change else ()
        for each in changes:
            self.listeners.tell(each)

    @contextmanager
    def simulate(self, simulation: Simulation) -> Iterator[None]:
        """While it lasts, the simulation lies over what applies."""
        self._simulate((*self.simulations, simulation))
        try:
            yield
        finally:
            remaining = list(self.simulations)
            remaining.remove(simulation)
            self._simulate(tuple(remaining))

    def gate(self, name: str) -> Gate:
        """The gate of a feature; the same one each time."""
        with self._lock:
            gate = self._gates.setdefault(name, Gate(name))
            self._set(gate)
            return gate

    def gates(self) -> Mapping[str, Gate]:
        """All gates, by name."""
        with self._lock:
            return dict(self._gates)

    def enabled(self, name: str) -> bool:
        """Whether a feature is on; one that the document does not name is counted."""
        view = self.view
        if name not in view.features and view.policy is not None:
            self._count_undeclared(name, view)
        return view.enabled(name)

    def admit(self, gate: Gate) -> FeatureDisabled | None:
        """Whether a call may pass a gate that is not open beyond doubt: None, or the refusal."""
        if self.enabled(gate.name):
            return None
        view = self.view
        return FeatureDisabled(
            gate.name,
            f"is off at level {int(view.level)} ({view.level.name})",
            retry_after=view.retry_after,
            level=view.level,
        )

    def after_fork(self) -> None:
        """In the child of a fork: a lock that another thread held would stay locked for ever."""
        self._lock = threading.Lock()
        self.listeners.forget()

    def _simulate(self, simulations: tuple[Simulation, ...]) -> None:
        with self._lock:
            self.simulations = simulations
            change = self._swap()
        if change:
            self.listeners.tell(change)

    def _swap(self) -> Change | None:
        old, new = self.view, self._followed
        for simulation in self.simulations:
            new = simulation.over(new)
        self.view = new
        for gate in self._gates.values():
            self._set(gate)
        return compare(old, new)

    def _set(self, gate: Gate) -> None:
        # Undeclared features keep their gate ajar, so that calls come by where they are counted.
        declared = gate.name in self.view.features or self.view.policy is None
        gate.open = declared and self.view.enabled(gate.name)

    def _count_undeclared(self, name: str, view: View) -> None:
        if name in self.undeclared:
            self.undeclared[name] += 1
        elif len(self.undeclared) < MAX_UNDECLARED:
            self.undeclared[name] = 1
            logger.warning(
                "feature %r is not in policy %s: it is on below level 5; add it to the policy's features",
                name,
                view.policy,
            )
