"""The demo from beginning to end."""

import asyncio
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Final

from rich.console import Console

from degradation_operator.demo.environment import Environment
from degradation_operator.demo.observation import Watcher
from degradation_operator.demo.sequence import START, STEPS, Result, perform
from degradation_operator.demo.servers import ServerError
from degradation_operator.demo.servers.scratch import make_scratch
from degradation_operator.demo.views import View, results_table, verdict, view_for
from degradation_operator.local.state import read_state

LEVELS: Final = [
    after.expected.level
    for before, after in pairwise((START, *STEPS))
    if after.expected.level != before.expected.level
]
"""The levels that are changed to, in order."""


async def run_demo(console: Console) -> bool:
    """Start everything, break and mend it, show what happens, leave nothing behind.

    Returns:
        Whether every level and every answer was as it must be.

    Raises:
        ServerError: Something could not be started.
        asyncio.CancelledError: SIGTERM came; all is ended.
    """
    directory = make_scratch("demo")
    try:
        with _cancelled_by_sigterm(), view_for(console) as view:
            results, levels = await _tell(directory, view)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    console.print(results_table(results))
    wrong = [result for result in results if not result.met]
    for result in wrong:
        console.print(f"{result.step.title}: {verdict(result)}", markup=False, highlight=False)
    detour = not wrong and levels != LEVELS
    if detour:
        console.print(f"The levels were {levels} instead of {LEVELS}.", markup=False, highlight=False)
    if not wrong and not detour:
        console.print("Every level and every answer was as it must be.")
    return not wrong and not detour


async def _tell(directory: Path, view: View) -> tuple[list[Result], list[int]]:
    """What each step led to, and every level that was published after the start, also for a moment only."""
    view.say(
        "starting Redis, PostgreSQL, an S3 server, an OpenAI-compatible server, the operator and an agent …"
    )
    async with Environment(directory) as environment, Watcher(environment.shop.url) as watcher:
        results, at_first = [], 0
        for step in (START, *STEPS):
            view.begins(step)
            result = await perform(step, environment, watcher, view.looked)
            view.ended(result)
            results.append(result)
            if step is START and not result.met:
                raise ServerError(f"the agent never was as it is when all is well: {verdict(result)}")
            if step is START:
                at_first = len(_levels(environment))
        levels = _levels(environment)[at_first:]
    return results, levels


def _levels(environment: Environment) -> list[int]:
    """Every level that was changed to."""
    state = read_state(environment.operator.published)
    transitions = () if state is None or state.status is None else state.status.transitions
    return [transition.to for transition in reversed(transitions)]


@contextmanager
def _cancelled_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end this task in order, as asyncio lets Ctrl-C."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    if task is not None:
        loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
