"""One policy from a file, with the override beside it; edits of either are followed."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from degradation import document as documents
from degradation_operator.api.files import load_policies
from degradation_operator.api.override import Override
from degradation_operator.api.parse import parse_override
from degradation_operator.api.policy import DegradationPolicy
from degradation_operator.api.problems import InvalidOverride, InvalidPolicy, Problem
from degradation_operator.api.yaml_text import MAX_BYTES
from degradation_operator.local import state
from degradation_operator.local.files import DATA
from degradation_operator.ports import PolicyRef, PolicySource

OVERRIDE: Final = "override.json"
_MOST_OVERRIDE_BYTES: Final = 64 * 1024

LOOK_EVERY: Final = 0.2
"""Seconds between two looks at the files."""

DEADLINE: Final = 10.0
"""Seconds that one look may take."""

Signature = tuple[int, int, int] | None
"""What changes when a file does: inode, size, time of the last change. None for a file that is not there."""

log = logging.getLogger(__name__)


def ref_of(policy: DegradationPolicy) -> PolicyRef:
    """Which policy it is; `default` where it names no namespace."""
    return PolicyRef(policy.metadata.namespace, policy.metadata.name)


def uid_of(ref: PolicyRef) -> str:
    """The uid that a policy without a cluster has, the same at each start."""
    return str(uuid5(NAMESPACE_URL, f"degradation.dev/{ref}"))


@dataclass(frozen=True, slots=True)
class _Seen:
    policy: Signature
    override: Signature
    published: tuple[Signature, ...]


class LocalStore:
    """Follows a policy file, `DIR/override.json`, and what stands published in DIR.

    Args:
        file: The policy file.
        directory: DIR.
        policy: What the file held when it was read first; valid.
        disk: The thread that reads.
    """

    def __init__(
        self, file: Path, directory: Path, policy: DegradationPolicy, disk: ThreadPoolExecutor
    ) -> None:
        self._file = file
        self._directory = directory
        self._disk = disk
        self._ref = ref_of(policy)
        self._seen: _Seen | None = None
        self._source = PolicySource(ref=self._ref, uid=uid_of(self._ref), generation=0, policy=policy)

    async def changed(self) -> PolicyRef:
        """Wait until a file was touched; returns at once when it is called first."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                async with asyncio.timeout(DEADLINE):
                    source, seen = await loop.run_in_executor(self._disk, self._look, self._seen)
            except TimeoutError:
                log.warning("the disk did not answer within %g s; nothing is followed meanwhile", DEADLINE)
                continue
            if seen != self._seen:
                self._seen = seen
                self._tell(source)
                self._source = source
                return self._ref
            await asyncio.sleep(LOOK_EVERY)

    def get(self, ref: PolicyRef) -> PolicySource | None:
        """The policy as it was read last."""
        return self._source if ref == self._ref else None

    def _tell(self, new: PolicySource) -> None:
        old = self._source
        extra = {"policy": str(self._ref)}
        if new.policy != old.policy:
            if isinstance(new.policy, InvalidPolicy):
                log.error(
                    "the policy file is not valid; the last good one stays in force:\n%s",
                    new.policy,
                    extra=extra,
                )
            else:
                log.info("the policy file was read again and is in force", extra=extra)
        if new.override_problem is not None and new.override_problem != old.override_problem:
            log.error(
                "%s is not valid; the last good override counts: %s",
                OVERRIDE,
                new.override_problem,
                extra=extra,
            )

    def _look(self, before: _Seen | None) -> tuple[PolicySource, _Seen]:
        """In the disk's thread: read again what changed since `before`."""
        seen = _Seen(
            policy=_signature(self._file),
            override=_signature(self._directory / OVERRIDE),
            published=tuple(
                _signature(self._directory / name)
                for name in (state.NAME, *(f"{DATA}/{key}" for key in documents.KEYS))
            )
            + tuple(_link_signature(self._directory / name) for name in (DATA, *documents.KEYS)),
        )
        source = self._source
        if before is None or before.policy != seen.policy:
            source = self._with_policy(source, seen.policy)
        if before is None or before.override != seen.override:
            source = self._with_override(source)
        return source, seen

    def _with_policy(self, source: PolicySource, signature: Signature) -> PolicySource:
        # The time of the last change is what a file has for a generation; it is the same after a restart.
        changed = 0 if signature is None else signature[2] // 1_000_000
        policy = self._read_policy()
        if policy == source.policy and source.generation:
            return source
        return replace(source, policy=policy, generation=max(changed, source.generation + 1))

    def _read_policy(self) -> DegradationPolicy | InvalidPolicy:
        try:
            with self._file.open("rb") as file:
                text = file.read(MAX_BYTES + 1)
        except OSError as error:
            return InvalidPolicy([Problem("", f"cannot be read: {error.strerror}")], file=str(self._file))
        try:
            policies = load_policies(text, str(self._file))
        except InvalidPolicy as error:
            return error
        if len(policies) > 1:
            return InvalidPolicy(
                [Problem("", "holds several policies; one is followed")], file=str(self._file)
            )
        if ref_of(policies[0]) != self._ref:
            return InvalidPolicy(
                [
                    Problem(
                        "metadata",
                        f"names the policy {ref_of(policies[0])}, but {self._ref} is being followed:"
                        " change it back, or stop and start again with a directory of its own",
                    )
                ],
                file=str(self._file),
            )
        return policies[0]

    def _with_override(self, source: PolicySource) -> PolicySource:
        try:
            override, problem = _read_override(self._directory / OVERRIDE), None
        except InvalidOverride as error:
            override, problem = None, "; ".join(map(str, error.problems))
        return replace(source, override=override, override_problem=problem)


def _read_override(path: Path) -> Override | None:
    try:
        with path.open("rb") as file:
            raw = json.loads(file.read(_MOST_OVERRIDE_BYTES))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InvalidOverride([Problem("", f"cannot be read: {error.strerror}")]) from None
    except (ValueError, RecursionError):
        raise InvalidOverride(
            [Problem("", "is no JSON; write it with `degradation override`, or delete it")]
        ) from None
    return parse_override(raw)


def _signature(path: Path) -> Signature:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_ino, found.st_size, found.st_mtime_ns)


def _link_signature(path: Path) -> Signature:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return (found.st_ino, found.st_size, found.st_mtime_ns)
