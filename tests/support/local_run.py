"""`degradation run` as a process, and what it publishes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.request import urlopen

import yaml

from degradation.document import Document, DocumentError, parse
from degradation_operator.demo.servers.ports import free_port

from .waiting import eventually


def policy(
    dependencies: Sequence[Mapping[str, Any]],
    *,
    features: Sequence[Mapping[str, Any]] = (),
    rules: Sequence[Mapping[str, Any]] = (),
    hold_for: str = "1s",
    **spec: Any,
) -> dict[str, Any]:
    """A policy `shop/shop` with short times."""
    return {
        "apiVersion": "degradation.dev/v1alpha1",
        "kind": "DegradationPolicy",
        "metadata": {"name": "shop", "namespace": "shop"},
        "spec": {
            "recovery": {"holdFor": hold_for, "rampOver": "0s"},
            "dependencies": list(dependencies),
            "features": list(features),
            "rules": list(rules),
        }
        | spec,
    }


class LocalRun:
    """One policy that is run in a folder; it can be killed and started again.

    Args:
        folder: Holds the policy file, the directory that is published into, secrets, and the log.
        policy: What to run.
        secrets: Content of files below the folder of secrets.
        command: What to start the command `degradation` with.
    """

    def __init__(
        self,
        folder: Path,
        policy: Mapping[str, Any],
        *,
        secrets: Mapping[str, str] | None = None,
        command: Sequence[str] = (sys.executable, "-m", "degradation_operator.cli.main"),
    ) -> None:
        self.directory = folder / "published"
        self.file = folder / "policy.yaml"
        self.log = folder / "run.log"
        self.port = free_port()
        self._secrets = folder / "secrets"
        self._secrets.mkdir(exist_ok=True)
        self._command = tuple(command)
        self._process: subprocess.Popen[bytes] | None = None
        self.edit(policy)
        for name, content in (secrets or {}).items():
            self.secret(name, content)

    def edit(self, policy: Mapping[str, Any] | str) -> None:
        """Replace the policy file, as editors do."""
        text = policy if isinstance(policy, str) else yaml.safe_dump(dict(policy))
        fresh = self.file.with_suffix(".new")
        fresh.write_text(text)
        fresh.replace(self.file)

    def secret(self, name: str, content: str) -> None:
        """Write a file `NAME/KEY` of the secrets."""
        path = self._secrets / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)

    @property
    def arguments(self) -> list[str]:
        """What follows `degradation run`."""
        return [
            str(self.file),
            *("--dir", str(self.directory)),
            *("--secrets-dir", str(self._secrets)),
            *("--listen", f"127.0.0.1:{self.port}"),
        ]

    def start(self, command: Sequence[str] | None = None) -> None:
        """Start it."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*(command or self._command), "run", *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
            )

    def kill(self) -> None:
        """End it as a crash would."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Ask it to end; its exit code."""
        return self._end(signal.SIGTERM)

    def ended(self, within: float = 15.0) -> int:
        """Wait for it to end by itself; its exit code."""
        assert self._process is not None
        return self._process.wait(within)

    def _end(self, how: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(how)
        try:
            return process.wait(10)
        finally:
            process.kill()
            process.wait()

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if error is not None:
            print(self.log.read_text())

    # -- what is published

    def document(self) -> Document | None:
        """What stands published; None while nothing does."""
        try:
            return parse((self.directory / "degradation.json").read_bytes())
        except (FileNotFoundError, DocumentError):
            return None

    def swapped(self) -> str:
        """What a swap changes, and nothing else does."""
        return str((self.directory / "..data").readlink())

    def state(self) -> dict[str, Any]:
        """What is kept beside it."""
        try:
            content: dict[str, Any] = json.loads((self.directory / ".state.json").read_text())
        except FileNotFoundError:
            return {}
        return content

    def status(self) -> dict[str, Any]:
        """As the DegradationStatus would have it."""
        return self.state().get("status") or {}

    def condition(self, kind: str) -> dict[str, Any]:
        """A condition of the policy; empty while there is none."""
        entries = (self.state().get("policyStatus") or {}).get("conditions", [])
        return next((entry for entry in entries if entry["type"] == kind), {})

    def dependency(self, name: str) -> dict[str, Any]:
        """A dependency in the status."""
        entries = self.status().get("dependencies", [])
        return next((entry for entry in entries if entry["name"] == name), {})

    def get(self, path: str) -> str:
        """What it serves at a path."""
        with urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
            text: str = answer.read().decode()
            return text

    def revision(self) -> int:
        """Of the published document; 0 while there is none."""
        document = self.document()
        return 0 if document is None else document.revision

    async def level(self, level: int, *, within: float = 10.0) -> Document:
        """Wait for a level."""

        def look() -> Document | None:
            document = self.document()
            return document if document is not None and document.level == level else None

        return await eventually(look, within=within, what=f"level {level} (log: {self.log})")

    async def stays(self, *, seconds: float) -> None:
        """See that nothing is published anew for a while: what happens then has no other sign."""
        before, until = (self.swapped(), self.state()), time.monotonic() + seconds
        while time.monotonic() < until:
            await asyncio.sleep(0.02)
            assert (self.swapped(), self.state()) == before
