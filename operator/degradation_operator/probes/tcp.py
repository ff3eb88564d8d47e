"""Kind `tcp`: a connection is accepted, and where TLS is asked for, its handshake succeeds."""

from __future__ import annotations

import asyncio
from typing import Final

from degradation_operator.engine.model import ProbeResult
from degradation_operator.probes.deadline import Deadline
from degradation_operator.probes.dial import Dialler
from degradation_operator.probes.errors import from_os_error
from degradation_operator.probes.line import Line
from degradation_operator.probes.results import Patience, ProbeError


class TCPProbe:
    """Connects anew each time. What counts as the answer is accepting: one round trip, before any TLS.

    Args:
        dialler: Connects.
        patience: How long that may take.
    """

    kind: Final = "tcp"

    def __init__(self, dialler: Dialler, *, patience: Patience) -> None:
        self._dialler = dialler
        self._patience = patience
        self._line = Line()

    async def attempt(self, deadline: Deadline) -> ProbeResult:
        """Look once; see `Probe`."""
        line = self._line = Line()
        started = asyncio.get_running_loop().time()
        try:
            await self._dialler.dial(line, deadline)
            await line.start(asyncio.Protocol)
        except ProbeError as error:
            return error.result
        except OSError as error:
            return from_os_error(error)
        finally:
            line.close()
        return self._patience.grade(started, line.connect_seconds, deadline.lateness)

    def abort(self) -> None:
        """Close every socket now; see `Probe`."""
        self._line.abort()

    async def aclose(self) -> None:
        """Nothing stays; see `Probe`."""
        self.abort()
