"""What applies in this process now, and how one view differs from the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from degradation.document import BreakerEntry, State
from degradation.level import Level

__all__ = ["Change", "Confirmation", "DependencyView", "SourceName", "Status", "View", "compare"]

SourceName = Literal["api", "directory", "none", "simulated"]
"""Who brought the document that applies."""

Status = Literal["NotReady", "Ready", "Stale", "Orphaned"]
"""A sign for people and alerts; it changes neither the level nor a feature."""

Confirmation = Literal["watch", "heartbeat", "none"]
"""What tells an agent, between changes, that its document is still the newest one."""


@dataclass(frozen=True, slots=True)
class DependencyView:
    """A dependency as the document shows it.

    Attributes:
        state: Its held state; Up for one that the document does not name.
        known: Whether the document names it.
    """

    state: State
    known: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Everything that applies at one moment. Never changed, only replaced, so any thread may read it.

    Attributes:
        level: The level this process runs at.
        features: On or off, for those that a document named.
        dependencies: Held states, for those that a document named.
        breakers: Their settings in the newest document.
        policy: `namespace/name`; None before the first document.
        revision: Of the last document that applied whole; None before the first one.
        pending_revision: Of the newest document while some of its better parts wait their turn, else None.
        since: When the level began, RFC 3339, by the operator's clock: for people.
        cause: Why the level is what it is, in words; None at level 1.
        retry_after: Seconds that a refused client should wait.
        source: Who brought the newest document.
    """

    level: Level
    features: Mapping[str, bool] = field(default_factory=dict)
    dependencies: Mapping[str, State] = field(default_factory=dict)
    breakers: Mapping[str, BreakerEntry] = field(default_factory=dict)
    policy: str | None = None
    revision: int | None = None
    pending_revision: int | None = None
    since: str | None = None
    cause: str | None = None
    retry_after: float = 30.0
    source: SourceName = "none"

    def enabled(self, feature: str) -> bool:
        """Whether a feature is on. One that no document names is on below level 5."""
        return self.features.get(feature, self.level < Level.EMERGENCY)

    def dependency(self, name: str) -> DependencyView:
        """How a dependency is."""
        state = self.dependencies.get(name)
        return DependencyView(state or State.UP, known=state is not None)


@dataclass(frozen=True, slots=True)
class Change:
    """One step from a view to the next.

    Attributes:
        old: What applied before.
        new: What applies now.
        changed: `level`, `features.NAME`, `dependencies.NAME`, `breakers.NAME`: what differs; never empty.
    """

    old: View
    new: View
    changed: frozenset[str]

    def then(self, later: Change) -> Change:
        """This change and a later one, as one."""
        return Change(self.old, later.new, self.changed | later.changed)


def compare(old: View, new: View) -> Change | None:
    """The change between two views; None where nothing that an application acts on differs.

    A breaker that is no longer named keeps its last known settings, so that is no change of its settings.
    """
    changed = {"level"} if old.level != new.level else set()
    changed |= {
        f"features.{name}"
        for name in old.features.keys() | new.features.keys()
        if old.enabled(name) != new.enabled(name)
    }
    changed |= {
        f"dependencies.{name}"
        for name in old.dependencies.keys() | new.dependencies.keys()
        if old.dependency(name).state is not new.dependency(name).state
    }
    changed |= {
        f"breakers.{name}" for name, settings in new.breakers.items() if old.breakers.get(name) != settings
    }
    return Change(old, new, frozenset(changed)) if changed else None
