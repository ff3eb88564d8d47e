"""What the core asks of the place where it runs: a cluster, or a directory. Nothing else asks where it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Protocol

from degradation.document import Document
from degradation_operator.api.names import Reason
from degradation_operator.api.override import Override
from degradation_operator.api.policy import DegradationPolicy
from degradation_operator.api.problems import InvalidPolicy
from degradation_operator.api.status import LevelStatus, PolicyStatus
from degradation_operator.engine.model import Now
from degradation_operator.engine.status import Event


class SecretError(Exception):
    """A Secret (or a ConfigMap with authorities) could not be used.

    Args:
        reason: `SecretMissing`, `SecretForbidden` or `SecretNotAllowed`.
        message: What is wrong and what to do about it; never any content of a secret.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason: Final = reason
        self.message: Final = message


@dataclass(frozen=True, slots=True)
class SecretKey:
    """One value in a Secret or ConfigMap of the policy's own namespace."""

    kind: Literal["Secret", "ConfigMap"]
    namespace: str
    name: str
    key: str


class Secrets(Protocol):
    """Reads what policies refer to."""

    async def read(self, ref: SecretKey, *, host: str) -> bytes:
        """The value of one key.

        Args:
            ref: Which one.
            host: The host that it will be sent to, as the policy names it. A Secret must be allowed there; a
                ConfigMap holds only authorities and is sent nowhere.

        Raises:
            SecretError: It is missing, may not be read, or may not be sent there.
        """
        ...


class Clock(Protocol):
    """Both clocks."""

    def now(self) -> Now:
        """The present moment."""
        ...


@dataclass(frozen=True, slots=True, order=True)
class PolicyRef:
    """Which policy."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySource:
    """A policy and the override beside it, as they stand now.

    Attributes:
        uid: Another uid under the same name is another policy.
        generation: Grows with each change of the spec.
        policy: The parsed policy, or what is wrong with it.
        override: The parsed override, None without one.
        override_problem: What is wrong with the override, if it could not be read: the last good one holds.
    """

    ref: PolicyRef
    uid: str
    generation: int
    policy: DegradationPolicy | InvalidPolicy
    override: Override | None = None
    override_problem: str | None = None


class Store(Protocol):
    """Where policies and overrides come from. Level-triggered: only the newest version of each counts."""

    async def changed(self) -> PolicyRef:
        """Wait for a policy whose source, or published objects, changed since it was last returned."""
        ...

    def get(self, ref: PolicyRef) -> PolicySource | None:
        """The present source; None where the policy is gone."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What stands at the place of publication; None for what is absent or garbage."""

    document: Document | None = None
    status: LevelStatus | None = None
    policy_status: PolicyStatus | None = None


PublishFailure = Literal["conflict", "forbidden", "unavailable", "other"]


class PublishError(Exception):
    """A write did not happen, or it is not known whether it did.

    Args:
        failure: The label `reason` of the metric.
        message: What is wrong and what to do about it.
    """

    def __init__(self, failure: PublishFailure, message: str) -> None:
        super().__init__(message)
        self.failure: Final[PublishFailure] = failure
        self.message: Final = message


class Publisher(Protocol):
    """Writes decisions. Each write has a deadline of its own and raises PublishError."""

    async def read(self, source: PolicySource) -> Published:
        """What stands there now."""
        ...

    async def write_document(self, source: PolicySource, document: Document) -> None:
        """Replace the document, in one piece."""
        ...

    async def write_status(self, source: PolicySource, status: LevelStatus) -> None:
        """Replace the DegradationStatus' status."""
        ...

    async def write_policy_status(self, source: PolicySource, status: PolicyStatus) -> None:
        """Replace the policy's status."""
        ...

    async def emit(self, source: PolicySource, event: Event) -> None:
        """Tell people; the same event twice is told once."""
        ...
