"""Where documents come from. Each source is a loop of I/O that feeds a sink and decides nothing."""

from __future__ import annotations

from typing import Protocol

from degradation._errors import DocumentError
from degradation.view import Confirmation, SourceName

__all__ = ["Sink", "Source"]


class Sink(Protocol):
    """What a source tells. Every method returns at once and never raises."""

    def received(self, raw: bytes, source: SourceName) -> None:
        """The text of a document was read: at most one byte more than a document may have."""
        ...

    def refused(self, error: DocumentError) -> None:
        """There was nothing to read, or it could not be."""
        ...

    def confirmed(self, confirmation: Confirmation) -> None:
        """The document that was read last is still the newest one."""
        ...

    def deleted(self) -> None:
        """The ConfigMap was deleted: the API said so."""
        ...


class Source(Protocol):
    """A place that documents come from."""

    async def run(self, sink: Sink) -> None:
        """Feed the sink until cancelled. What it raises is logged, and it is run again."""
        ...
