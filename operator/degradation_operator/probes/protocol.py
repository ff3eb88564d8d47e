"""What the scheduler needs of a probe."""

from __future__ import annotations

from typing import Protocol

from degradation_operator.engine.model import ProbeResult
from degradation_operator.probes.deadline import Deadline


class Probe(Protocol):
    """One dependency's probe. It owns its connections, and at most one attempt of it runs at a time."""

    @property
    def kind(self) -> str:
        """Its kind, as the policy names it."""
        ...

    async def attempt(self, deadline: Deadline) -> ProbeResult:
        """Look once.

        Never raises for what the other side does. It says through `deadline` how long it may still take and
        what it means when it takes longer.
        """
        ...

    def abort(self) -> None:
        """Close every socket now. Never raises; the next attempt begins anew."""
        ...

    async def aclose(self) -> None:
        """Take leave of the other side; bounded in time. No attempt may run or follow."""
        ...
