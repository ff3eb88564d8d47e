"""Publishes into a directory: the document as files, the statuses in `.state.json`, events as log lines."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from degradation import document as documents
from degradation.document import Document
from degradation_operator.api.names import EventReason
from degradation_operator.api.status import LevelStatus, PolicyStatus
from degradation_operator.engine.status import Event
from degradation_operator.local.files import swap
from degradation_operator.local.state import LocalState, read_state, write_state
from degradation_operator.ports import PolicySource, Published, PublishError

DEADLINE: Final = 10.0
"""Seconds that one read or write of the directory may take."""

T = TypeVar("T")
log = logging.getLogger(__name__)


class LocalPublisher:
    """Writes one policy's decisions into a directory.

    Args:
        directory: It must exist.
        disk: One thread for all that touches the disk, so that a disk that hangs does not stop the probes.
    """

    def __init__(self, directory: Path, disk: ThreadPoolExecutor) -> None:
        self._directory = directory
        self._disk = disk
        self._state: LocalState | None = None

    async def read(self, source: PolicySource) -> Published:
        """What stands there now; what cannot be understood counts as absent."""
        document, state = await self._on_disk(self._read, "read")
        if state is None or state.uid != source.uid:
            state = LocalState(policy=str(source.ref), uid=source.uid)
        self._state = state
        return Published(document=document, status=state.status, policy_status=state.policy_status)

    async def write_document(self, source: PolicySource, document: Document) -> None:
        """Swap the files."""
        del source
        await self._on_disk(lambda: self._swap(document), "write")

    async def write_status(self, source: PolicySource, status: LevelStatus) -> None:
        """Keep the DegradationStatus' status."""
        before = self._state
        await self._keep(
            LocalState(
                policy=str(source.ref),
                uid=source.uid,
                status=status,
                policy_status=None if before is None else before.policy_status,
            )
        )

    async def write_policy_status(self, source: PolicySource, status: PolicyStatus) -> None:
        """Keep the policy's status."""
        before = self._state
        await self._keep(
            LocalState(
                policy=str(source.ref),
                uid=source.uid,
                status=None if before is None else before.status,
                policy_status=status,
            )
        )

    async def emit(self, source: PolicySource, event: Event) -> None:
        """Say it in the log."""
        level = logging.WARNING if event.reason is EventReason.LEVEL_WORSENED else logging.INFO
        log.log(level, "%s: %s", event.reason, event.note, extra={"policy": str(source.ref)})

    def _read(self) -> tuple[Document | None, LocalState | None]:
        try:
            document: Document | None = self._read_document()
        except (FileNotFoundError, UnicodeDecodeError, documents.DocumentError):
            document = None
        return document, read_state(self._directory)

    def _read_document(self) -> Document | None:
        """What stands there; None where one of the files for shells says something else."""
        with (self._directory / documents.KEY).open("rb") as file:
            document = documents.parse(file.read(documents.MAX_BYTES + 1))
        right = documents.data(document)
        texts = {
            key: (self._directory / key).read_text(encoding="utf-8")
            for key in documents.KEYS
            if key != documents.KEY
        }
        return document if all(right[key] == text for key, text in texts.items()) else None

    def _swap(self, document: Document) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)  # Somebody may have deleted it.
        swap(self._directory, documents.data(document))

    def _write_state(self, state: LocalState) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        write_state(self._directory, state)

    async def _keep(self, state: LocalState) -> None:
        await self._on_disk(lambda: self._write_state(state), "write")
        self._state = state

    async def _on_disk(self, act: Callable[[], T], verb: str) -> T:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(DEADLINE):
                return await loop.run_in_executor(self._disk, act)
        except PermissionError:
            raise PublishError(
                "forbidden",
                f"cannot {verb} {self._directory}: permission denied; let this user read and write there",
            ) from None
        except TimeoutError:
            raise PublishError(
                "unavailable",
                f"cannot {verb} {self._directory}: the disk did not answer within {DEADLINE:g} s",
            ) from None
        except OSError as error:
            raise PublishError("other", f"cannot {verb} {self._directory}: {error.strerror}") from None
