"""Secrets of local mode: files `SECRETS/<Secret or ConfigMap>/<key>`."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from degradation_operator.api.names import Reason
from degradation_operator.ports import SecretError, SecretKey

MOST_BYTES: Final = 1024 * 1024
"""What a Secret of Kubernetes can hold at most."""

DEADLINE: Final = 2.0
"""Seconds that reading a file may take."""


class LocalSecrets:
    """Reads secrets from files. No annotation is needed: who may write the policy may read the files.

    Args:
        directory: The folder of `--secrets-dir`; None where none was given.
        disk: The thread that reads.
    """

    def __init__(self, directory: Path | None, disk: ThreadPoolExecutor) -> None:
        self._directory = directory
        self._disk = disk

    async def read(self, ref: SecretKey, *, host: str) -> bytes:
        """The content of a file, without the newline that editors and `echo` put at its end.

        Raises:
            SecretError: It is missing or may not be read.
        """
        del host
        if self._directory is None:
            raise SecretError(
                Reason.SECRET_MISSING,
                f"the policy names the {ref.kind} {ref.name}: give --secrets-dir DIR with a file"
                f" {ref.name}/{ref.key} in it",
            )
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(DEADLINE):
                return await loop.run_in_executor(self._disk, self._read, self._directory, ref)
        except TimeoutError:
            raise SecretError(
                Reason.SECRET_MISSING,
                f"the file {ref.name}/{ref.key} could not be read: the disk does not answer",
            ) from None

    @staticmethod
    def _read(directory: Path, ref: SecretKey) -> bytes:
        shown = f"{ref.name}/{ref.key}"
        if Path(ref.key).name != ref.key or Path(ref.name).name != ref.name:
            raise SecretError(Reason.SECRET_MISSING, f"{shown} is no name of a file: correct the policy")
        try:
            with (directory / ref.name / ref.key).open("rb") as file:
                content = file.read(MOST_BYTES + 1)
        except PermissionError:
            raise SecretError(
                Reason.SECRET_FORBIDDEN,
                f"the file {shown} in --secrets-dir may not be read: let this user read it",
            ) from None
        except OSError:
            raise SecretError(
                Reason.SECRET_MISSING,
                f"there is no file {shown} in --secrets-dir: write it, or correct the policy",
            ) from None
        if len(content) > MOST_BYTES:
            raise SecretError(
                Reason.SECRET_MISSING, f"the file {shown} in --secrets-dir is larger than 1 MiB"
            )
        return content[:-1] if content.endswith(b"\n") else content
