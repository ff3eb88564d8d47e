"""The words of statuses: reasons and condition types, each once."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why a dependency is in its state, or why it could not be judged."""

    ANSWERED = "Answered"
    SLOW_ANSWER = "SlowAnswer"
    THROTTLED = "Throttled"
    READ_ONLY = "ReadOnly"
    REFUSED = "Refused"
    UNREACHABLE = "Unreachable"
    TIMEOUT = "Timeout"
    CLOSED = "Closed"
    BAD_ANSWER = "BadAnswer"
    NOT_FOUND = "NotFound"
    NAME_NOT_FOUND = "NameNotFound"
    RESOLVER_FAILED = "ResolverFailed"
    AUTHENTICATION_FAILED = "AuthenticationFailed"
    TLS_FAILED = "TLSFailed"
    SECRET_MISSING = "SecretMissing"  # noqa: S105 - a reason, not a secret
    SECRET_FORBIDDEN = "SecretForbidden"  # noqa: S105
    SECRET_NOT_ALLOWED = "SecretNotAllowed"  # noqa: S105
    ADDRESS_REFUSED = "AddressRefused"
    OVERDUE = "Overdue"
    INTERNAL = "Internal"


class Condition(StrEnum):
    """Types of the policy's conditions."""

    READY = "Ready"
    DEPENDENCY_UNKNOWN = "DependencyUnknown"
    PUBLISHED = "Published"
    DEGRADED = "Degraded"
    OVERRIDDEN = "Overridden"


class ConditionReason(StrEnum):
    """Why a condition is not True. One that is True has its own name as its reason, but for DependencyUnknown.

    `Ready` also uses `SecretMissing`, `SecretForbidden`, `SecretNotAllowed` and `AddressRefused`, and a True
    `DependencyUnknown` any, of `Reason`.
    """

    INVALID_SPEC = "InvalidSpec"
    ALL_KNOWN = "AllKnown"
    CONFIG_MAP_CONFLICT = "ConfigMapConflict"
    AWAITING_DELETION = "AwaitingDeletion"
    FORBIDDEN = "Forbidden"
    UNAVAILABLE = "Unavailable"
    AWAITING_DECISION = "AwaitingDecision"
    OPTIMAL = "Optimal"
    NO_OVERRIDE = "NoOverride"
    EXPIRED = "Expired"
    OBSERVING = "Observing"


class EventReason(StrEnum):
    """Reasons of the events on a policy."""

    LEVEL_WORSENED = "LevelWorsened"
    LEVEL_IMPROVED = "LevelImproved"
    OVERRIDE_STARTED = "OverrideStarted"
    OVERRIDE_ENDED = "OverrideEnded"


class PresentState(StrEnum):
    """A dependency's present state as statuses and metrics show it: one of the document's, or Unknown."""

    UP = "Up"
    SLOW = "Slow"
    READ_ONLY = "ReadOnly"
    DOWN = "Down"
    UNKNOWN = "Unknown"
