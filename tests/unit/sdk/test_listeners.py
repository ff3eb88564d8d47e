"""Telling the application: in order, to everybody, and no failure goes further."""

import asyncio
import threading

import pytest

from degradation._listeners import Listeners
from degradation.level import Level
from degradation.view import Change, View
from tests.support.waiting import eventually


def change(old: int, new: int, *names: str) -> Change:
    return Change(View(level=Level(old)), View(level=Level(new)), frozenset({"level", *names}))


def test_everybody_hears_and_a_failure_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    listeners = Listeners()
    heard: list[Change] = []

    def broken(_change: Change) -> None:
        raise LookupError("mine")

    def cancelled(_change: Change) -> None:
        raise asyncio.CancelledError

    async def broken_later(_change: Change) -> None:
        raise LookupError("later")

    for listener in (broken, cancelled, broken_later, heard.append):
        listeners.add(listener)
    listeners.tell(change(1, 2))

    assert heard == [change(1, 2)]
    assert [record.exc_info is not None for record in caplog.records] == [True] * 3


async def test_a_busy_coroutine_gets_what_it_missed_as_one_change() -> None:
    listeners, gate = Listeners(), asyncio.Event()
    heard: list[Change] = []

    async def slow(given: Change) -> None:
        heard.append(given)
        await gate.wait()

    listeners.add(slow)
    listeners.open(asyncio.get_running_loop())
    listeners.tell(change(1, 2))
    await eventually(lambda: heard)
    listeners.tell(change(2, 3, "features.a"))
    listeners.tell(change(3, 1, "features.b"))
    gate.set()

    await eventually(lambda: len(heard) == 2)
    assert heard == [change(1, 2), change(2, 1, "features.a", "features.b")]


async def test_closing_cancels_what_runs() -> None:
    listeners, ended = Listeners(), asyncio.Event()

    async def endless(_change: Change) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    listeners.add(endless)
    listeners.tell(change(1, 2))
    await asyncio.sleep(0)
    listeners.close()

    async with asyncio.timeout(5):
        await ended.wait()


async def test_told_from_another_thread_a_coroutine_runs_in_the_opened_loop() -> None:
    listeners = Listeners()
    where: list[threading.Thread] = []

    async def note(_change: Change) -> None:
        where.append(threading.current_thread())

    listeners.add(note)
    listeners.open(asyncio.get_running_loop())
    thread = threading.Thread(target=listeners.tell, args=(change(1, 2),))
    thread.start()

    await eventually(lambda: where)
    thread.join(5)
    assert where == [threading.main_thread()]
