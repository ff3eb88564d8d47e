from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError

from degradation.document import State
from degradation_operator.api.names import Condition, EventReason, PresentState, Reason
from degradation_operator.api.override import Override
from degradation_operator.api.parse import parse_override
from degradation_operator.api.problems import InvalidOverride
from degradation_operator.api.status import (
    CauseEntry,
    ConditionEntry,
    DependencyEntry,
    FeatureEntry,
    LevelStatus,
    ObservedEntry,
    PolicyStatus,
    RecoveryEntry,
    TransitionEntry,
)

AT = datetime(2026, 11, 23, 20, 4, 5, 123456, tzinfo=UTC)


def test_the_status_of_a_level_as_it_is_written_and_read_again() -> None:
    cause = CauseEntry(
        dependency="redis",
        state=State.DOWN,
        message="redis is Down: connection refused (2 of 2 probes)",
        measured="refused",
        threshold="2",
    )
    status = LevelStatus(
        policy_generation=3,
        revision=1795464245041,
        level=2,
        level_name="DEGRADED",
        capacity=85,
        since=AT,
        previous_level=1,
        cause=cause,
        dependencies=(
            DependencyEntry(
                name="redis", state=PresentState.UNKNOWN, since=AT, reason=Reason.TLS_FAILED, message="look"
            ),
        ),
        features=(FeatureEntry(name="cache", enabled=False),),
        recovery=RecoveryEntry(target_level=1, eligible_at=AT, message="in 30 s"),
        observed=ObservedEntry(level=3, cause=cause),
        override=Override(level=2, reason="drill", until=AT),
        transitions=(TransitionEntry(from_=1, to=2, at=AT, cause="redis is Down", revision=7, seconds=60),),
    )
    at = "2026-11-23T20:04:05.123Z"
    written_cause = {
        "dependency": "redis",
        "state": "Down",
        "message": "redis is Down: connection refused (2 of 2 probes)",
        "measured": "refused",
        "threshold": "2",
    }
    assert status.dump() == {
        "policyGeneration": 3,
        "revision": 1795464245041,
        "level": 2,
        "levelName": "DEGRADED",
        "capacity": 85,
        "since": at,
        "previousLevel": 1,
        "cause": written_cause,
        "dependencies": [
            {
                "name": "redis",
                "state": "Unknown",
                "since": at,
                "reason": "TLSFailed",
                "message": "look",
                "source": "Probe",
            }
        ],
        "features": [{"name": "cache", "enabled": False}],
        "recovery": {"targetLevel": 1, "eligibleAt": at, "message": "in 30 s"},
        "observed": {"level": 3, "cause": written_cause},
        "override": {"level": 2, "reason": "drill", "until": at},
        "transitions": [
            {"from": 1, "to": 2, "at": at, "cause": "redis is Down", "revision": 7, "seconds": 60}
        ],
    }
    assert LevelStatus.model_validate(status.dump()).dump() == status.dump()


def test_the_status_of_a_policy() -> None:
    status = PolicyStatus(
        observed_generation=3,
        level=1,
        level_name="OPTIMAL",
        config_map_name="shop-degradation",
        since=AT,
        conditions=(
            ConditionEntry(
                type=Condition.READY,
                status="True",
                reason="Ready",
                observed_generation=3,
                last_transition_time=AT,
            ),
        ),
    )
    at = "2026-11-23T20:04:05.123Z"
    assert status.dump() == {
        "observedGeneration": 3,
        "level": 1,
        "levelName": "OPTIMAL",
        "configMapName": "shop-degradation",
        "since": at,
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "reason": "Ready",
                "message": "",
                "observedGeneration": 3,
                "lastTransitionTime": at,
            }
        ],
    }


def test_what_a_newer_operator_reported_is_read() -> None:
    assert LevelStatus.model_validate({"level": 2, "pods": {"summary": "12/12"}}).dump()["level"] == 2


def test_every_text_and_list_of_a_status_is_bounded() -> None:
    for status in (LevelStatus, PolicyStatus):
        schema = status.model_json_schema()
        for model in [schema, *schema["$defs"].values()]:
            for key, field in model.get("properties", {}).items():
                for part in field.get("anyOf", [field]):
                    if part.get("type") == "string" and "enum" not in part and "const" not in part:
                        assert "maxLength" in part, f"{model['title']}.{key}"
                    if part.get("type") == "array":
                        assert "maxItems" in part, f"{model['title']}.{key}"


def test_a_moment_is_written_in_utc_to_the_millisecond() -> None:
    moment = datetime(2026, 11, 23, 22, 4, 5, 123456, tzinfo=timezone(timedelta(hours=2)))
    assert PolicyStatus(since=moment).dump()["since"] == "2026-11-23T20:04:05.123Z"
    with pytest.raises(ValidationError):
        PolicyStatus(since=datetime(2026, 11, 23, 22, 4, 5))  # noqa: DTZ001 - one without a zone is refused


OVERRIDE = {"level": 5, "reason": "drill", "until": "2026-11-23T20:04:05Z"}


@pytest.mark.parametrize(
    ("until", "utc"),
    [
        ("2026-11-23T20:04:05Z", datetime(2026, 11, 23, 20, 4, 5, tzinfo=UTC)),
        ("2026-11-23T20:04:05.5+02:00", datetime(2026, 11, 23, 18, 4, 5, 500000, tzinfo=UTC)),
        ("2026-11-23T20:04:05.123456789Z", datetime(2026, 11, 23, 20, 4, 5, 123456, tzinfo=UTC)),
    ],
)
def test_an_override(until: str, utc: datetime) -> None:
    assert parse_override({**OVERRIDE, "until": until}) == Override(level=5, reason="drill", until=utc)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"level": 0}, "level: must be at least 1, not 0"),
        ({"level": 6}, "level: must be at most 5, not 6"),
        ({"level": "5"}, "level: must be a whole number, not the text '5': take the quotes away"),
        ({"reason": ""}, "reason: must have at least 1 character"),
        ({"reason": "x" * 257}, "reason: must have at most 256 characters"),
        ({"until": "2026-11-23T20:04:05"}, "until: must be a time with its zone, such as 2026-11-23T20:04:05Z, not '2026-11-23T20:04:05'"),
        ({"until": "2026-11-23"}, "until: must be a time with its zone, such as 2026-11-23T20:04:05Z, not '2026-11-23'"),
        ({"until": "2026-02-30T20:04:05Z"}, "until: must be a time with its zone, such as 2026-11-23T20:04:05Z, not '2026-02-30T20:04:05Z'"),
        ({"until": "0001-01-01T00:00:00+10:00"}, "until: must be a time with its zone, such as 2026-11-23T20:04:05Z, not '0001-01-01T00:00:00+10:00'"),
        ({"until": 1795464245}, "until: must be a time with its zone, such as 2026-11-23T20:04:05Z, not 1795464245"),
        ({"until": None}, "until: is empty; give it a value or leave it out"),
        ({"for": "30m"}, "for: is not a known key; known are level, reason, until"),
    ],
)  # fmt: skip
def test_a_bad_override(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidOverride) as refusal:
        parse_override({**OVERRIDE, **change})
    assert str(refusal.value) == problem


def test_names() -> None:
    assert [reason.value for reason in EventReason] == [
        "LevelWorsened",
        "LevelImproved",
        "OverrideStarted",
        "OverrideEnded",
    ]
    assert {state.value for state in PresentState} == {state.value for state in State} | {"Unknown"}
