"""Following a real directory: swapped, plain, absent, replaced, broken; with inotify and without."""

import asyncio
import errno
import os
import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from degradation._errors import DocumentError
from degradation.document import KEY, Document, render
from degradation.sources.directory import DirectorySource
from degradation.view import Confirmation, SourceName
from tests.support.directory import swap
from tests.support.documents import document
from tests.support.waiting import eventually


class Heard:
    """A sink that keeps what it is told."""

    def __init__(self) -> None:
        self.documents: list[bytes] = []
        self.refusals: list[str] = []
        self.confirmations: list[Confirmation] = []

    def received(self, raw: bytes, source: SourceName) -> None:
        assert source == "directory"
        self.documents.append(raw)

    def refused(self, error: DocumentError) -> None:
        self.refusals.append(f"{error.reason}: {error}")

    def confirmed(self, confirmation: Confirmation) -> None:
        self.confirmations.append(confirmation)

    def deleted(self) -> None:
        raise AssertionError("a directory cannot know")

    async def has(self, *documents: Document | bytes, within: float = 5.0) -> None:
        expected = [d if isinstance(d, bytes) else render(d).encode() for d in documents]
        await eventually(lambda: self.documents[-len(expected) :] == expected, within=within, every=0.001)


def _exhausted() -> Any:
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def _absent() -> Any:
    raise ImportError("asyncinotify")


@pytest.fixture(params=["inotify", "exhausted", "absent"])
def ways(request: pytest.FixtureRequest) -> dict[str, Any]:
    """How the source learns that something moved. With inotify, only by it: the safety look comes too late."""
    ways: dict[str, dict[str, Any]] = {
        "inotify": {"safety": 60.0},
        "exhausted": {"open_inotify": _exhausted},
        "absent": {"open_inotify": _absent},
    }
    return ways[request.param]


@asynccontextmanager
async def following(directory: Path, **ways: Any) -> AsyncIterator[Heard]:
    heard = Heard()
    task = asyncio.create_task(DirectorySource(directory, **ways).run(heard))
    try:
        yield heard
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.wait({task}, timeout=5)


async def test_swapped_as_a_mounted_volume_is(tmp_path: Path, ways: dict[str, Any]) -> None:
    swap(tmp_path, document(1))
    async with following(tmp_path, **ways) as heard:
        await heard.has(document(1))
        for revision in range(2, 6):
            swap(tmp_path, document(revision))
            await heard.has(document(revision), within=1.0)
        assert heard.refusals == []


async def test_a_plain_file_written_in_place_and_replaced(tmp_path: Path, ways: dict[str, Any]) -> None:
    file = tmp_path / KEY
    file.write_text(render(document(1)))
    async with following(tmp_path, **ways) as heard:
        await heard.has(document(1))
        file.write_text(render(document(2)))
        await heard.has(document(2), within=1.0)
        (tmp_path / "new").write_text(render(document(3)))
        (tmp_path / "new").rename(file)
        await heard.has(document(3), within=1.0)


async def test_a_directory_that_comes_goes_and_returns(tmp_path: Path, ways: dict[str, Any]) -> None:
    directory = tmp_path / "later"
    async with following(directory, **ways) as heard:
        await eventually(lambda: heard.refusals)
        swap(directory, document(1))
        await heard.has(document(1), within=1.0)
        shutil.rmtree(directory)
        await eventually(lambda: len(heard.refusals) >= 2)
        swap(directory, document(2))
        await heard.has(document(2), within=2.0)
        directory.rename(tmp_path / "away")
        swap(directory, document(3))
        await heard.has(document(3), within=2.0)
    assert set(heard.refusals) == {f"missing: there is no {KEY} in {directory}"}


async def test_another_directory_put_in_its_place_without_a_word(tmp_path: Path) -> None:
    # As a mount does: the watch stays on what is hidden now, so only the safety look can tell.
    first, second, place = tmp_path / "first", tmp_path / "second", tmp_path / "place"
    swap(first, document(1))
    swap(second, document(2))
    place.symlink_to(first)
    async with following(place, safety=0.05) as heard:
        await heard.has(document(1))
        (tmp_path / "link").symlink_to(second)
        (tmp_path / "link").rename(place)
        await heard.has(document(2))
        swap(second, document(3))
        await heard.has(document(3))


def _open_files() -> int:
    return len([*Path("/proc/self/fd").iterdir()])


def _directory(file: Path) -> None:
    file.mkdir()


def _pipe(file: Path) -> None:
    os.mkfifo(file)


def _loop(file: Path) -> None:
    file.symlink_to(file)


@pytest.mark.parametrize(
    ("make", "message"),
    [(_directory, "is not a file"), (_pipe, "is not a file"), (_loop, "cannot be read")],
)
async def test_what_cannot_be_read_is_said_once(
    tmp_path: Path, make: Callable[[Path], None], message: str
) -> None:
    make(tmp_path / KEY)
    heard = Heard()
    source = DirectorySource(tmp_path)
    before = _open_files()
    for _ in range(5):
        source.look(heard, at_any_rate=True)

    assert [message in refusal for refusal in heard.refusals] == [True]
    assert _open_files() == before


def test_a_broken_file_is_told_once_and_never_more_than_the_limit_is_read(tmp_path: Path) -> None:
    heard, source = Heard(), DirectorySource(tmp_path)
    (tmp_path / KEY).write_bytes(b"x" * 1_000_000)
    for _ in range(5):
        source.look(heard)
    source.look(heard, at_any_rate=True)

    assert [len(raw) for raw in heard.documents] == [64 * 1024 + 1]


def test_a_touched_heartbeat_confirms(tmp_path: Path) -> None:
    heard, source = Heard(), DirectorySource(tmp_path)
    source.look(heard)
    assert heard.confirmations == []

    for moment in (5, 5, 10, 10):
        (tmp_path / "heartbeat").touch()
        os.utime(tmp_path / "heartbeat", (moment, moment))
        source.look(heard)
    assert heard.confirmations == ["heartbeat", "heartbeat"]


async def test_a_heartbeat_is_seen_by_the_safety_look(tmp_path: Path) -> None:
    swap(tmp_path, document(1))
    async with following(tmp_path, safety=0.05) as heard:
        (tmp_path / "heartbeat").touch()
        await eventually(lambda: heard.confirmations)


async def test_nothing_is_left_open(tmp_path: Path) -> None:
    swap(tmp_path, document(1))
    async with following(tmp_path) as heard:
        await heard.has(document(1))
    before = _open_files()
    for _ in range(20):
        async with following(tmp_path) as heard:
            await heard.has(document(1))
    assert _open_files() <= before


async def test_at_rest_it_costs_next_to_nothing(tmp_path: Path) -> None:
    swap(tmp_path, document(1))
    async with following(tmp_path, open_inotify=_absent) as heard:
        await heard.has(document(1))
        began = time.thread_time()
        await asyncio.sleep(1.0)  # what is measured is the cost of a second
        assert time.thread_time() - began < 0.1
        assert len(heard.documents) == 1
