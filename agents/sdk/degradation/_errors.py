"""Everything the SDK raises on purpose.

DegradationError
├── Rejected                 a call that was not made
│   ├── FeatureDisabled      the level, or a dependency, has switched the feature off
│   └── BreakerOpen          the breaker of a dependency is open
├── ConfigurationError       the agent cannot start as it is configured
└── DocumentError            a document was refused
"""

from __future__ import annotations

from typing import Final, Literal

from degradation.level import Level

RefusalReason = Literal[
    "missing", "unparsable", "too-large", "older", "other-policy", "version", "level", "revision"
]


class DegradationError(Exception):
    """The root of all errors of this package."""


class Rejected(DegradationError):  # noqa: N818 - the name says what happened to the call; it is no fault
    """A call that was not made, because the application runs degraded.

    Args:
        name: The feature or breaker that refused.
        reason: Why, in words for a person.
        retry_after: Seconds after which trying again makes sense.
        level: The level at the time; None where no agent is involved.
    """

    def __init__(self, name: str, reason: str, *, retry_after: float, level: Level | None) -> None:
        super().__init__(f"{self._subject} {name!r} {reason}; try again in {retry_after:g} s")
        self.name: Final = name
        self.reason: Final = reason
        self.retry_after: Final = retry_after
        self.level: Final = level

    _subject = "call"

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments do not survive the default pickling of exceptions (process pools).
        return (_rebuild, (type(self), self.name, self.reason, self.retry_after, self.level))


def _rebuild(
    kind: type[Rejected], name: str, reason: str, retry_after: float, level: Level | None
) -> Rejected:
    return kind(name, reason, retry_after=retry_after, level=level)


class FeatureDisabled(Rejected):
    """The feature is off at the present level, or because of a dependency it requires."""

    _subject = "feature"


class BreakerOpen(Rejected):
    """The circuit breaker is open: the dependency is not called."""

    _subject = "breaker"


class ConfigurationError(DegradationError):
    """The agent cannot start as it is configured; the message names the variables to set."""


class DocumentError(DegradationError):
    """A document was refused.

    Args:
        reason: The value of the metric's label `reason`.
        message: What is wrong with it.
    """

    def __init__(self, reason: RefusalReason, message: str) -> None:
        super().__init__(message)
        self.reason: Final[RefusalReason] = reason
