"""The document: the whole contract between the operator and the agents.

The operator composes one, agents follow it. It lives in the `data` of a ConfigMap, or as files in a
directory: `degradation.json` for programs; `level`, `name` and `capacity` for shells.

Reading is tolerant where a newer operator may know more (unknown keys are ignored, an unknown value of an
enum reads as its neutral one) and strict everywhere else: a document is whole or it is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any, Final, TypeVar

from degradation._errors import DocumentError
from degradation.level import Level

__all__ = [
    "KEY",
    "KEYS",
    "MAX_BYTES",
    "MAX_REVISION",
    "BreakerEntry",
    "BreakerMode",
    "Dependency",
    "Document",
    "DocumentError",
    "HalfOpenEntry",
    "Mode",
    "Override",
    "SlidingWindowEntry",
    "State",
    "data",
    "parse",
    "render",
]

KEY: Final = "degradation.json"
"""The key of `data` (the file in a directory) that holds the document."""

KEYS: Final = ("level", "name", "capacity", KEY)
"""All keys of `data`; the others are for shells."""

VERSION: Final = 1

MAX_BYTES: Final = 64 * 1024
"""A larger document is refused unread: an oversized file must not be everywhere at once."""

MAX_REVISION: Final = 2**52
"""A revision above it is garbage: it would stop being an exact integer in JSON readers, and end all others."""


class State(StrEnum):
    """How a dependency is; later members are worse."""

    badness: int
    """0 (Up) to 3 (Down)."""

    UP = "Up"
    SLOW = "Slow"
    READ_ONLY = "ReadOnly"
    DOWN = "Down"

    def __new__(cls, value: str) -> State:  # noqa: D102, PYI034 - members are made only here
        member = str.__new__(cls, value)
        member._value_ = value
        member.badness = len(cls.__members__)
        return member


class Mode(StrEnum):
    """Whether a policy acts."""

    ENFORCE = "Enforce"
    OBSERVE = "Observe"


class BreakerMode(StrEnum):
    """Who decides whether a breaker lets calls through."""

    AUTO = "Auto"
    OBSERVE = "Observe"
    DISABLED = "Disabled"
    FORCED_OPEN = "ForcedOpen"


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfOpenEntry:
    """How a breaker tries again."""

    max_trials: int = 1
    success_threshold: int = 1
    max_duration: float = 60.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class SlidingWindowEntry:
    """A rate over the last `duration` seconds or the last `calls` calls; exactly one of them is given."""

    duration: float | None = None  # seconds
    calls: int | None = None
    minimum_calls: int = 10
    failure_rate_percent: int = 50
    slow_call_duration: float | None = None  # seconds
    slow_call_rate_percent: int = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerEntry:
    """The settings of one dependency's breaker. Durations are seconds."""

    mode: BreakerMode = BreakerMode.AUTO
    open_when_down: bool = True
    failure_threshold: int = 5
    reset_timeout: float = 30.0
    call_timeout: float | None = None
    half_open: HalfOpenEntry = field(default_factory=HalfOpenEntry)
    sliding_window: SlidingWindowEntry | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """A dependency's held state: its worst one of the policy's last `holdFor`."""

    state: State
    since: str  # RFC 3339, UTC; for people: agents never compute with another machine's clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A person's hand on the level, in force when the document was written."""

    level: Level
    reason: str
    until: str  # RFC 3339, UTC


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One decision, as agents see it.

    Attributes:
        policy: `namespace/name`.
        uid: Of the policy; another one under the same name is another policy.
        revision: Grows with each document of a policy, 1 to 2^52.
        term: Of the leader that wrote it; 0 without a Lease.
        level: The published level.
        previous_level: The one before it, None at first.
        since: When the level began, RFC 3339.
        cause: Why, in words; None at level 1.
        retry_after: Seconds that a refused client should be told to wait.
        stale_after: Seconds without confirmation after which an agent calls itself Stale.
        ramp_over: Seconds over which pods take an improvement one after another.
        dependencies: By name.
        features: On or off, by name.
        breakers: By dependency name.
    """

    policy: str
    uid: str
    revision: int
    term: int = 0
    mode: Mode = Mode.ENFORCE
    level: Level
    previous_level: Level | None = None
    since: str
    cause: str | None = None
    override: Override | None = None
    retry_after: float = 30.0
    stale_after: float = 300.0
    ramp_over: float = 5.0
    dependencies: Mapping[str, Dependency] = field(default_factory=dict)
    features: Mapping[str, bool] = field(default_factory=dict)
    breakers: Mapping[str, BreakerEntry] = field(default_factory=dict)


def data(document: Document) -> dict[str, str]:
    """The ConfigMap's `data`, which is also a directory's files: name → text."""
    return {
        "level": str(int(document.level)),
        "name": document.level.name,
        "capacity": str(document.level.capacity),
        KEY: render(document),
    }


def render(document: Document) -> str:
    """Write a document as JSON, in the order of the contract, one line, ASCII only."""
    return json.dumps(_to_json(document), separators=(",", ":"))


def _to_json(document: Document) -> dict[str, Any]:
    override = document.override
    return {
        "version": VERSION,
        "policy": document.policy,
        "uid": document.uid,
        "revision": document.revision,
        "term": document.term,
        "mode": document.mode.value,
        "level": int(document.level),
        "name": document.level.name,
        "capacity": document.level.capacity,
        "previousLevel": None if document.previous_level is None else int(document.previous_level),
        "since": document.since,
        "cause": document.cause,
        "override": None
        if override is None
        else {"level": int(override.level), "reason": override.reason, "until": override.until},
        "retryAfterSeconds": _number(document.retry_after),
        "staleAfterSeconds": _number(document.stale_after),
        "rampOverSeconds": _number(document.ramp_over),
        "dependencies": {
            name: {"state": entry.state.value, "since": entry.since}
            for name, entry in document.dependencies.items()
        },
        "features": dict(document.features),
        "breakers": {name: _breaker_to_json(entry) for name, entry in document.breakers.items()},
    }


def _breaker_to_json(entry: BreakerEntry) -> dict[str, Any]:
    return {
        "mode": entry.mode.value,
        "openWhenDown": entry.open_when_down,
        "failureThreshold": entry.failure_threshold,
        "resetTimeoutSeconds": _number(entry.reset_timeout),
        "callTimeoutSeconds": _number(entry.call_timeout),
        "halfOpen": {
            "maxTrials": entry.half_open.max_trials,
            "successThreshold": entry.half_open.success_threshold,
            "maxDurationSeconds": _number(entry.half_open.max_duration),
        },
        "slidingWindow": _window_to_json(entry.sliding_window),
    }


def _window_to_json(window: SlidingWindowEntry | None) -> dict[str, Any] | None:
    if window is None:
        return None
    size: dict[str, Any] = (
        {"calls": window.calls} if window.calls is not None else {"durationSeconds": _number(window.duration)}
    )
    return size | {
        "minimumCalls": window.minimum_calls,
        "failureRatePercent": window.failure_rate_percent,
        "slowCallDurationSeconds": _number(window.slow_call_duration),
        "slowCallRatePercent": window.slow_call_rate_percent,
    }


def _number(seconds: float | None) -> float | int | None:
    """Whole seconds as integers: `30`, not `30.0`."""
    return int(seconds) if seconds is not None and seconds == int(seconds) else seconds


UnknownValue = Callable[[str, str], None]


def parse(raw: bytes | str, *, on_unknown: UnknownValue | None = None) -> Document:
    """Read a document.

    Args:
        raw: The text of `degradation.json`.
        on_unknown: Called with (path, value) for each enum value this version does not know; such a value
            reads as its neutral one (state Up, breaker mode Auto, document mode Enforce).

    Raises:
        DocumentError: With the reason `too-large`, `unparsable` (also of wrong types), `version`, `level`
            or `revision`.
    """
    size = len(raw if isinstance(raw, bytes) else raw.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        raise DocumentError("too-large", f"the document is {size} bytes long; at most {MAX_BYTES} are read")
    try:
        top = json.loads(raw, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise DocumentError("unparsable", f"the document is no JSON: {error}") from None
    reader = _Reader(on_unknown)
    fields = reader.mapping(top, "")
    version = reader.integer(fields, "version", "")
    if version != VERSION:
        raise DocumentError("version", f"version {version} of the document is not known; {VERSION} is")
    level = reader.integer(fields, "level", "")
    if not 1 <= level <= 5:
        raise DocumentError("level", f"level {level} does not exist; 1 to 5 do")
    revision = reader.integer(fields, "revision", "")
    if not 1 <= revision <= MAX_REVISION:
        raise DocumentError("revision", f"revision {revision} is not within 1…2^52")
    return reader.document(fields, Level(level), revision)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


E_ = TypeVar("E_", bound=Enum)
_MISSING: Final = object()


class _Reader:
    """Takes values out of parsed JSON, by path, refusing wrong types."""

    def __init__(self, on_unknown: UnknownValue | None) -> None:
        self._on_unknown = on_unknown

    def document(self, fields: Mapping[str, Any], level: Level, revision: int) -> Document:
        return Document(
            policy=self.text(fields, "policy", ""),
            uid=self.text(fields, "uid", ""),
            revision=revision,
            term=self.integer(fields, "term", "", default=0),
            mode=self.enum(fields, "mode", "", Mode.ENFORCE),
            level=level,
            previous_level=self._previous_level(fields),
            since=self.text(fields, "since", ""),
            cause=self.optional_text(fields, "cause", ""),
            override=self._override(fields.get("override")),
            retry_after=self.seconds(fields, "retryAfterSeconds", "", default=30.0),
            stale_after=self.seconds(fields, "staleAfterSeconds", "", default=300.0),
            ramp_over=self.seconds(fields, "rampOverSeconds", "", default=5.0),
            dependencies={
                name: self._dependency(value, f"dependencies.{name}")
                for name, value in self.mapping(fields.get("dependencies", {}), "dependencies").items()
            },
            features={
                name: self.boolean(value, f"features.{name}")
                for name, value in self.mapping(fields.get("features", {}), "features").items()
            },
            breakers={
                name: self._breaker(value, f"breakers.{name}")
                for name, value in self.mapping(fields.get("breakers", {}), "breakers").items()
            },
        )

    def _previous_level(self, fields: Mapping[str, Any]) -> Level | None:
        if fields.get("previousLevel") is None:
            return None
        value = self.integer(fields, "previousLevel", "")
        return Level(value) if 1 <= value <= 5 else None  # for people only: no reason to refuse a document

    def _override(self, value: object) -> Override | None:
        if value is None:
            return None
        fields = self.mapping(value, "override")
        level = self.integer(fields, "level", "override.")
        if not 1 <= level <= 5:
            raise self.wrong("override.level", "a level from 1 to 5", level)
        return Override(
            level=Level(level),
            reason=self.text(fields, "reason", "override."),
            until=self.text(fields, "until", "override."),
        )

    def _dependency(self, value: object, path: str) -> Dependency:
        fields = self.mapping(value, path)
        return Dependency(
            state=self.enum(fields, "state", path + ".", State.UP, required=True),
            since=self.text(fields, "since", path + ".", default=""),
        )

    def _breaker(self, value: object, path: str) -> BreakerEntry:
        fields = self.mapping(value, path)
        at = path + "."
        half_open = self.mapping(fields.get("halfOpen", {}), at + "halfOpen")
        window = fields.get("slidingWindow")
        return BreakerEntry(
            mode=self.enum(fields, "mode", at, BreakerMode.AUTO),
            open_when_down=self.boolean(fields.get("openWhenDown", True), at + "openWhenDown"),
            failure_threshold=self.integer(fields, "failureThreshold", at, default=5, least=1),
            reset_timeout=self.seconds(fields, "resetTimeoutSeconds", at, default=30.0),
            call_timeout=self.optional_seconds(fields, "callTimeoutSeconds", at),
            half_open=HalfOpenEntry(
                max_trials=self.integer(half_open, "maxTrials", at + "halfOpen.", default=1, least=1),
                success_threshold=self.integer(
                    half_open, "successThreshold", at + "halfOpen.", default=1, least=1
                ),
                max_duration=self.seconds(half_open, "maxDurationSeconds", at + "halfOpen.", default=60.0),
            ),
            sliding_window=None if window is None else self._window(window, at + "slidingWindow"),
        )

    def _window(self, value: object, path: str) -> SlidingWindowEntry:
        fields = self.mapping(value, path)
        at = path + "."
        duration = self.optional_seconds(fields, "durationSeconds", at)
        calls = None if fields.get("calls") is None else self.integer(fields, "calls", at, least=1)
        if (duration is None) == (calls is None):
            raise self.wrong(path, "exactly one of durationSeconds and calls", sorted(fields))
        return SlidingWindowEntry(
            duration=duration,
            calls=calls,
            minimum_calls=self.integer(fields, "minimumCalls", at, default=10, least=1),
            failure_rate_percent=self.integer(fields, "failureRatePercent", at, default=50, least=1),
            slow_call_duration=self.optional_seconds(fields, "slowCallDurationSeconds", at),
            slow_call_rate_percent=self.integer(fields, "slowCallRatePercent", at, default=80, least=1),
        )

    # -- values

    def wrong(self, path: str, expected: str, got: object) -> DocumentError:
        shown = repr(got)
        if len(shown) > 80:
            shown = shown[:77] + "..."
        return DocumentError("unparsable", f"{path or 'the document'} should be {expected}, not {shown}")

    def mapping(self, value: object, path: str) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise self.wrong(path, "an object", value)
        return value

    def boolean(self, value: object, path: str) -> bool:
        if not isinstance(value, bool):
            raise self.wrong(path, "true or false", value)
        return value

    def integer(
        self, fields: Mapping[str, Any], key: str, at: str, *, default: int | None = None, least: int = 0
    ) -> int:
        value = fields.get(key, _MISSING)
        if value is _MISSING and default is not None:
            return default
        # bool is an int to Python, not to anybody else; and a negative number is nobody's count.
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.wrong(at + key, "a whole number", None if value is _MISSING else value)
        if value < least and key not in {"level", "revision", "version", "previousLevel"}:
            raise self.wrong(at + key, f"at least {least}", value)
        return value

    def seconds(self, fields: Mapping[str, Any], key: str, at: str, *, default: float) -> float:
        value = fields.get(key, default)
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 10**9:
            raise self.wrong(at + key, "seconds, zero or more", value)
        return float(value)

    def optional_seconds(self, fields: Mapping[str, Any], key: str, at: str) -> float | None:
        return None if fields.get(key) is None else self.seconds(fields, key, at, default=0.0)

    def text(self, fields: Mapping[str, Any], key: str, at: str, *, default: str | None = None) -> str:
        value = fields.get(key, default)
        if not isinstance(value, str):
            raise self.wrong(at + key, "a text", value)
        return value

    def optional_text(self, fields: Mapping[str, Any], key: str, at: str) -> str | None:
        return None if fields.get(key) is None else self.text(fields, key, at)

    def enum(
        self, fields: Mapping[str, Any], key: str, at: str, neutral: E_, *, required: bool = False
    ) -> E_:
        value = self.text(fields, key, at, default=None if required else neutral.value)
        try:
            return type(neutral)(value)
        except ValueError:
            # A newer operator's word must not make an older agent miss an EMERGENCY.
            if self._on_unknown is not None:
                self._on_unknown(at + key, value)
            return neutral
