"""What the environment tells an agent, and what it says when it cannot start."""

from pathlib import Path

import pytest

from degradation import Agent, ConfigurationError, Level
from degradation._durations import parse_duration
from degradation._settings import Settings


def test_every_variable() -> None:
    environ = {
        "DEGRADATION_DIR": "/etc/degradation",
        "DEGRADATION_CONFIGMAP": "shop-degradation",
        "DEGRADATION_POD": "pod-a",
        "HOSTNAME": "host",
        "DEGRADATION_INITIAL_LEVEL": "3",
        "DEGRADATION_STALE_AFTER": "1m30s",
    }

    settings = Settings.from_environment(environ)

    assert settings == Settings(
        directory=Path("/etc/degradation"),
        config_map="shop-degradation",
        pod="pod-a",
        initial_level=Level.LIMITED,
        stale_after=90.0,
    )
    settings.check()
    assert Settings.from_environment({"HOSTNAME": "host"}).pod == "host"


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "set DEGRADATION_DIR to the directory with the document (or DEGRADATION_CONFIGMAP"),
        ({"DEGRADATION_DIR": ""}, "set DEGRADATION_DIR"),
        ({"DEGRADATION_CONFIGMAP": "shop"}, "does not watch the API yet: mount the ConfigMap as a volume"),
        ({"DEGRADATION_DIR": "/d", "DEGRADATION_INITIAL_LEVEL": "6"}, "DEGRADATION_INITIAL_LEVEL should be a level from 1 to 5, not '6'"),
        ({"DEGRADATION_DIR": "/d", "DEGRADATION_STALE_AFTER": "5"}, "DEGRADATION_STALE_AFTER: '5' is no duration"),
        ({"DEGRADATION_DIR": "/d", "DEGRADATION_STALE_AFTER": "0s"}, "should be longer than zero"),
    ],
)  # fmt: skip
def test_a_mistake_is_raised_by_the_start_and_not_before(environ: dict[str, str], said: str) -> None:
    agent = Agent.from_environment(environ=environ)

    assert (agent.level, agent.status, agent.enabled("cache")) == (1, "NotReady", True)
    with pytest.raises(ConfigurationError) as raised, agent:
        pass
    assert said in str(raised.value)


@pytest.mark.parametrize(("text", "seconds"), [("250ms", 0.25), ("5s", 5), ("2m", 120), ("1h30m", 5400)])
def test_a_duration(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "5", "5 s", "-5s", "1.5s", "1234567s", "5d", "s"])
def test_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        parse_duration(text)
