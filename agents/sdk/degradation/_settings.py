"""What an agent is told by its environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from degradation._durations import parse_duration
from degradation._errors import ConfigurationError
from degradation.level import Level

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How an agent follows, as given; whether it can work is found out when it starts.

    Attributes:
        directory: Where the document lies as files.
        config_map: The ConfigMap to watch through the API.
        pod: The identity for hashes; None: the host's name.
        initial_level: The level before the first document.
        stale_after: Seconds without confirmation until Stale; None: as the document says.
        connected: False for an agent that follows nothing on purpose.
        mistake: What is wrong with the settings, and how to mend it.
    """

    directory: Path | None = None
    config_map: str | None = None
    pod: str | None = None
    initial_level: Level = Level.OPTIMAL
    stale_after: float | None = None
    connected: bool = True
    mistake: str | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Settings:
        """Read the variables; a mistake in them is kept for the start, so that importing never fails."""
        mistakes: list[str] = []
        return cls(
            directory=_path(environ.get("DEGRADATION_DIR")),
            config_map=environ.get("DEGRADATION_CONFIGMAP") or None,
            pod=environ.get("DEGRADATION_POD") or environ.get("HOSTNAME") or None,
            initial_level=_level(environ, mistakes),
            stale_after=_stale_after(environ, mistakes),
            mistake="; ".join(mistakes) or None,
        )

    def check(self) -> None:
        """Say what hinders a start.

        Raises:
            ConfigurationError: Something does; the message names the variables.
        """
        if self.mistake:
            raise ConfigurationError(self.mistake)
        if not self.connected or self.directory is not None:
            return
        if self.config_map is not None:
            raise ConfigurationError(
                "DEGRADATION_CONFIGMAP is set, but this version of the SDK does not watch the API yet: mount the "
                "ConfigMap as a volume and set DEGRADATION_DIR to its directory"
            )
        raise ConfigurationError(
            "there is nothing to follow: set DEGRADATION_DIR to the directory with the document (or "
            "DEGRADATION_CONFIGMAP to a ConfigMap's name), or use Agent.disconnected() to run without"
        )


def _path(text: str | None) -> Path | None:
    return Path(os.path.abspath(text)) if text else None  # noqa: PTH100 - resolve() would follow links, and look at the disk


def _level(environ: Mapping[str, str], mistakes: list[str]) -> Level:
    text = environ.get("DEGRADATION_INITIAL_LEVEL") or "1"
    if text not in {"1", "2", "3", "4", "5"}:
        mistakes.append(f"DEGRADATION_INITIAL_LEVEL should be a level from 1 to 5, not {text!r}")
        return Level.OPTIMAL
    return Level(int(text))


def _stale_after(environ: Mapping[str, str], mistakes: list[str]) -> float | None:
    text = environ.get("DEGRADATION_STALE_AFTER")
    if not text:
        return None
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        mistakes.append(f"DEGRADATION_STALE_AFTER: {error}")
        return None
    if seconds == 0:
        mistakes.append(
            "DEGRADATION_STALE_AFTER should be longer than zero; leave it out to use the document's"
        )
    return seconds
