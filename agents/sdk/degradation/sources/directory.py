"""A directory that holds the document: a mounted ConfigMap, or what local mode writes.

The kubelet and local mode replace all files at once by renaming the link `..data`; a plain directory with a
`degradation.json` works too. What is there is looked at when the kernel says that something moved (inotify)
and once a second in any case, because a mount over the directory, or a network file system, says nothing.
Without inotify the look is taken every 50 ms: it costs a `stat` or two.
"""

from __future__ import annotations

import asyncio
import logging
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from degradation._errors import DocumentError
from degradation.document import KEY, MAX_BYTES
from degradation.sources import Sink

if TYPE_CHECKING:
    from asyncinotify import Inotify

__all__ = ["DirectorySource"]

HEARTBEAT: Final = "heartbeat"
"""Touched by local mode every 5 s, outside the swap."""

SWAPPED: Final = "..data"
"""The link that is replaced to replace all files at once."""

logger = logging.getLogger("degradation")

_Stamp = tuple[int, ...]
"""Differs when a file was replaced or written; compared, never interpreted."""


def _open_inotify() -> Inotify:
    from asyncinotify import Inotify  # noqa: PLC0415 - not there on every system; not needed before the start

    return Inotify()


class DirectorySource:
    """Follows the document in a directory, which may come, go and be replaced.

    Args:
        directory: It need not exist yet.
        poll: Seconds between looks where inotify is not to be had.
        safety: Seconds between looks beside inotify.
        retry: Seconds until inotify is tried again where it was not to be had.
        open_inotify: Makes an instance; raises ImportError, RuntimeError or OSError where it cannot.
    """

    def __init__(
        self,
        directory: Path,
        *,
        poll: float = 0.05,
        safety: float = 1.0,
        retry: float = 30.0,
        open_inotify: Callable[[], Inotify] = _open_inotify,
    ) -> None:
        self._directory = directory
        self._poll = poll
        self._safety = safety
        self._retry = retry
        self._open_inotify = open_inotify
        self._retry_at = 0.0
        self._complained = False
        self._seen: _Stamp | None = ()  # of the document at the last look; () before the first
        self._told: tuple[_Stamp | None, bytes | str] | None = None
        self._heartbeat: int | None = None

    async def run(self, sink: Sink) -> None:
        """Feed the sink until cancelled."""
        while True:
            identity = _identity(self._directory)
            watch = self._watch() if identity is not None else None
            # Only now, so that what moves during the look is seen as an event after it.
            self.look(sink)
            if watch is None:
                await asyncio.sleep(self._poll)
                continue
            with watch.inotify:
                while watch.alive and identity == _identity(self._directory):
                    self.look(sink, at_any_rate=await watch.moved(self._safety))

    def look(self, sink: Sink, *, at_any_rate: bool = False) -> None:
        """Tell the sink what is there, if it is not what was there before.

        The files are read in the event loop: 64 KiB of a volume in memory or a local disk take less time than
        handing the work to a thread.

        Args:
            sink: Is told.
            at_any_rate: Read the document even if it looks the same, as one does that was written in place
                twice within one tick of the kernel's clock.
        """
        self._look_at_heartbeat(sink)
        if not at_any_rate and self._stamp() == self._seen:
            return
        try:
            stamp, raw = self._read()
        except DocumentError as error:
            self._seen = None
            if self._is_new(None, str(error)):
                sink.refused(error)
        else:
            self._seen = stamp
            if self._is_new(stamp, raw):
                sink.received(raw, "directory")

    def _is_new(self, stamp: _Stamp | None, what: bytes | str) -> bool:
        """Whether this was not what was found last: a broken file counts once, however often it is read."""
        before, self._told = self._told, (stamp, what)
        return before != self._told

    def _look_at_heartbeat(self, sink: Sink) -> None:
        try:
            touched = (self._directory / HEARTBEAT).stat().st_mtime_ns
        except OSError:
            return
        if touched != self._heartbeat:
            self._heartbeat = touched
            sink.confirmed("heartbeat")

    def _paths(self) -> tuple[Path, Path]:
        return self._directory / SWAPPED / KEY, self._directory / KEY

    def _stamp(self) -> _Stamp | None:
        for path in self._paths():
            try:
                return _stamp(path.stat())
            except OSError:
                continue
        return None

    def _read(self) -> tuple[_Stamp, bytes]:
        """The document's file, up to one byte more than may be in it.

        Raises:
            DocumentError: `missing`: it is not there or cannot be read.
        """
        for path in self._paths():
            try:
                return _read_file(path)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise DocumentError("missing", f"{path} cannot be read: {error.strerror}") from None
        raise DocumentError("missing", f"there is no {KEY} in {self._directory}")

    def _watch(self) -> _Watch | None:
        """A watch on the directory, or None where there is no inotify to be had."""
        if time.monotonic() < self._retry_at:
            return None
        try:
            watch = _Watch(self._open_inotify(), self._directory)
        except FileNotFoundError:
            return None  # it went away just now
        except (ImportError, RuntimeError, OSError) as error:
            self._retry_at = time.monotonic() + self._retry
            if not self._complained:
                logger.info("no inotify (%s): looking at %s every %g s", error, self._directory, self._poll)
            self._complained = True
            return None
        self._complained = False
        return watch


class _Watch:
    """One inotify instance on one directory.

    Args:
        inotify: Closed by this constructor if the watch cannot be had.
        directory: It exists.
    """

    def __init__(self, inotify: Inotify, directory: Path) -> None:
        from asyncinotify import Mask  # noqa: PLC0415 - there is an instance, so there is the module

        self.inotify = inotify
        self.alive = True
        self._ended = Mask.IGNORED
        moved = Mask.MOVED_TO | Mask.MOVED_FROM | Mask.CREATE | Mask.CLOSE_WRITE | Mask.DELETE
        try:
            inotify.add_watch(directory, moved | Mask.DELETE_SELF | Mask.MOVE_SELF | Mask.ONLYDIR)
        except BaseException:
            inotify.close()
            raise

    async def moved(self, seconds: float) -> bool:
        """Wait for something to happen; whether it may concern the document."""
        try:
            async with asyncio.timeout(seconds):
                event = await self.inotify.get()
        except TimeoutError:
            return False
        self.alive = self._ended not in event.mask
        return event.name is None or event.name.name in {KEY, SWAPPED}


def _read_file(path: Path) -> tuple[_Stamp, bytes]:
    # Without O_NONBLOCK, opening a named pipe would wait for somebody to write to it.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise DocumentError("missing", f"{path} is not a file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return _stamp(status), file.read(MAX_BYTES + 1)
    finally:
        os.close(descriptor)


def _stamp(status: os.stat_result) -> _Stamp:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _identity(directory: Path) -> _Stamp | None:
    """Which directory is at the path now: another one may be mounted over it or renamed to it."""
    try:
        status = directory.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
