"""`degradation run` that is killed, as by a crash, before or after one of its writes.

`python -m tests.support.killed_run WRITE before|after run …`
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from degradation_operator.cli.main import run
from degradation_operator.local.publisher import LocalPublisher


def main() -> int:
    """Run with a publisher whose write kills the process."""
    write, when, *arguments = sys.argv[1:]
    real = getattr(LocalPublisher, write)

    async def killing(self: LocalPublisher, source: Any, content: Any) -> None:
        if when == "after":
            await real(self, source, content)
        if getattr(content, "level", None) == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        await real(self, source, content)

    setattr(LocalPublisher, write, killing)
    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
