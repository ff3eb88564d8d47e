"""An application in a process of its own: prints a line for each change of its level, with the moment.

python -m tests.support.following_app DIR [--threaded] [--fork]
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time

from degradation import Agent, Change


def say(what: str, agent: Agent) -> None:
    """One line of JSON; a moment of the monotonic clock, which all processes of a machine share."""
    line = {
        "what": what,
        "pid": os.getpid(),
        "level": int(agent.level),
        "status": agent.status,
        "at": time.monotonic(),
    }
    sys.stdout.write(json.dumps(line | {"revision": agent.revision, "cache": agent.enabled("cache")}) + "\n")
    sys.stdout.flush()


async def _run(agent: Agent) -> None:
    async with agent:
        say("started", agent)
        # Until the test closes our input.
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


def _run_threaded(agent: Agent, *, fork: bool) -> None:
    with agent:
        say("started", agent)
        child = os.fork() if fork else None
        if child == 0:
            say("forked", agent)
        sys.stdin.read()
        if child:
            os.waitpid(child, 0)
    say("stopped", agent)


def main() -> None:
    """Follow until the input ends."""
    agent = Agent(sys.argv[1])

    @agent.on_change
    def changed(_change: Change) -> None:
        say("changed", agent)

    if "--threaded" in sys.argv:
        _run_threaded(agent, fork="--fork" in sys.argv)
    else:
        asyncio.run(_run(agent))


if __name__ == "__main__":
    main()
