"""The only place that knows both ends: it makes the parts and joins them."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, disable_created_metrics

from degradation_operator.api.policy import DegradationPolicy
from degradation_operator.control.controller import Controller
from degradation_operator.engine.model import Now
from degradation_operator.local import heartbeat, state
from degradation_operator.local.publisher import LocalPublisher
from degradation_operator.local.secrets import LocalSecrets
from degradation_operator.local.store import LocalStore, ref_of, uid_of
from degradation_operator.ports import PolicyRef
from degradation_operator.probes.factory import ProbeFactory
from degradation_operator.probes.guard import AddressGuard
from degradation_operator.telemetry.health import Health
from degradation_operator.telemetry.http import TelemetryServer
from degradation_operator.telemetry.metrics import OperatorMetrics

LOCK: Final = ".lock"

log = logging.getLogger(__name__)


class CannotStart(Exception):  # noqa: N818 - it says what happened
    """Something that a person can mend keeps it from starting; the message says what and how."""


class SystemClock:
    """The machine's clocks; the monotonic one is the event loop's."""

    def now(self) -> Now:
        """The present moment."""
        return Now(time.monotonic(), datetime.now(UTC))


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalOptions:
    """What `degradation run` was told.

    Attributes:
        file: The policy file.
        policy: What it holds; valid.
        directory: Where the document is published.
        secrets: Where secrets are read, None where nowhere.
        host: Address on which metrics and health are served.
        port: Its port.
    """

    file: Path
    policy: DegradationPolicy
    directory: Path
    secrets: Path | None
    host: str
    port: int


async def run_local(options: LocalOptions) -> None:
    """Probe, decide and publish into a directory, until SIGTERM or SIGINT.

    Raises:
        CannotStart: The directory or the address cannot be used.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    ref = ref_of(options.policy)
    with _directory(options.directory, ref), _one_disk_thread() as disk:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # The contract knows no `…_created`.
        registry = CollectorRegistry()
        metrics = OperatorMetrics(registry)
        factory = ProbeFactory(
            secrets=LocalSecrets(options.secrets, disk),
            guard=AddressGuard(allow_loopback=True),
            on_renewal_failure=metrics.renewal_failed,
        )
        controller = Controller(
            store=LocalStore(options.file, options.directory, options.policy, disk),
            publisher=LocalPublisher(options.directory, disk),
            clock=SystemClock(),
            build_probe=lambda dependency, namespace: factory.build(dependency, namespace=namespace),
            metrics=metrics,
        )
        health = Health()
        server = _serve(options, registry, health, controller)
        log.info(
            "following %s, publishing into %s, metrics on http://%s:%d/metrics",
            options.file,
            options.directory,
            options.host,
            server.port,
            extra={"policy": str(ref)},
        )
        tasks = [
            asyncio.create_task(controller.run(), name="controller"),
            asyncio.create_task(health.run(controller.runner.overdue), name="health"),
            asyncio.create_task(
                heartbeat.beat(options.directory, disk, alive=lambda: controller.published), name="heartbeat"
            ),
            asyncio.create_task(stop.wait(), name="stop"),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # A fault of ours ends the process, which starts again from what is published.
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=10)
            server.close()
    log.info("stopped; the document stays as it is", extra={"policy": str(ref)})


def _serve(
    options: LocalOptions, registry: CollectorRegistry, health: Health, controller: Controller
) -> TelemetryServer:
    def ready() -> str | None:
        restored = controller.restored
        return None if restored and all(restored.values()) else "not yet going on from what stood published"

    try:
        return TelemetryServer(
            options.host, options.port, registry=registry, healthy=health.problem, ready=ready
        )
    except OSError as error:
        raise CannotStart(
            f"cannot listen on {options.host}:{options.port}: {error.strerror}; choose another with --listen"
        ) from None


@contextmanager
def _one_disk_thread() -> Iterator[ThreadPoolExecutor]:
    disk = ThreadPoolExecutor(1, thread_name_prefix="disk")
    try:
        yield disk
    finally:
        disk.shutdown(wait=False, cancel_futures=True)


@contextmanager
def _directory(directory: Path, ref: PolicyRef) -> Iterator[None]:
    """Make the directory ours for the time being."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise CannotStart(
            f"cannot use {error.filename or directory}: {error.strerror}; choose another with --dir"
        ) from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CannotStart(
                f"another `degradation run` publishes into {directory}; stop it, or choose another with --dir"
            ) from None
        _refuse_foreign(directory, ref)
        yield
    finally:
        os.close(lock)


def _refuse_foreign(directory: Path, ref: PolicyRef) -> None:
    try:
        kept = state.read_state(directory)
    except OSError as error:
        raise CannotStart(f"cannot read {error.filename}: {error.strerror}; let this user read it") from None
    if kept is not None and kept.uid != uid_of(ref):
        raise CannotStart(
            f"{directory} belongs to the policy {kept.policy}, not to {ref};"
            " choose another with --dir, or delete it if that policy is no longer run"
        )
