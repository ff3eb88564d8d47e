import pickle
from dataclasses import asdict
from typing import Any

import pytest

from degradation.document import BreakerEntry, BreakerMode, HalfOpenEntry, SlidingWindowEntry, State
from degradation_operator.api.breaker import Breaker
from degradation_operator.api.dependency import Impact
from degradation_operator.api.parse import parse_policy
from degradation_operator.api.policy import DegradationPolicy
from degradation_operator.api.probe import KINDS, Probe
from degradation_operator.api.problems import InvalidPolicy
from tests.support.policies import base, changed


def _probe(**fields: str) -> Probe:
    policy = changed(base(), {f"spec.dependencies.0.probe.{key}": value for key, value in fields.items()})
    return parse_policy(policy).spec.dependencies[0].probe


@pytest.mark.parametrize(
    ("fields", "interval", "timeout", "recheck", "slow_after"),
    [
        ({}, 10.0, 5.0, 1.0, None),
        ({"interval": "4s"}, 4.0, 2.0, 1.0, None),
        ({"interval": "1h"}, 3600.0, 5.0, 1.0, None),
        ({"interval": "101ms"}, 0.101, 0.0505, 0.101, None),
        ({"interval": "8s", "timeout": "7s", "recheckInterval": "2s", "slowAfter": "6s"}, 8.0, 7.0, 2.0, 6.0),
    ],
)
def test_effective_times_of_a_probe(
    fields: dict[str, str], interval: float, timeout: float, recheck: float, slow_after: float | None
) -> None:
    probe = _probe(**fields)
    assert (
        probe.interval_seconds,
        probe.timeout_seconds,
        probe.recheck_seconds,
        probe.slow_after_seconds,
    ) == (
        interval,
        timeout,
        recheck,
        slow_after,
    )


def test_kind_and_target() -> None:
    policy = parse_policy(base())
    probes = [dependency.probe for dependency in policy.spec.dependencies]
    assert sorted(probe.kind for probe in probes) == sorted(KINDS)
    for probe in probes:
        assert probe.target is getattr(probe, probe.kind)


def test_defaults_of_the_policy() -> None:
    policy = parse_policy(
        {
            "apiVersion": "degradation.dev/v1alpha1",
            "kind": "DegradationPolicy",
            "metadata": {"name": "shop", "creationTimestamp": None, "managedFields": [{"x": 1}]},
            "spec": {
                "dependencies": [{"name": "r", "probe": {"redis": {"host": "r.s"}}}],
                "features": [{"name": "f"}],
            },
            "status": {"level": "garbage"},
        }
    )
    assert policy.config_map_name == "shop-degradation"
    assert policy.dump() == {
        "apiVersion": "degradation.dev/v1alpha1",
        "kind": "DegradationPolicy",
        "metadata": {"name": "shop", "namespace": "default"},
        "spec": {
            "mode": "Enforce",
            "staleAfter": "5m",
            "recovery": {"holdFor": "30s", "rampOver": "5s"},
            "dependencies": [
                {
                    "name": "r",
                    "probe": {
                        "interval": "10s",
                        "failureThreshold": 2,
                        "successThreshold": 2,
                        "redis": {"host": "r.s", "port": 6379, "database": 0},
                    },
                    "breaker": {
                        "mode": "Auto",
                        "openWhenDown": True,
                        "failureThreshold": 5,
                        "resetTimeout": "30s",
                        "halfOpen": {"maxTrials": 1, "successThreshold": 1, "maxDuration": "60s"},
                    },
                }
            ],
            "rules": [],
            "features": [{"name": "f", "maxLevel": 5, "requires": []}],
        },
    }


def test_what_is_dumped_reads_the_same() -> None:
    policy = parse_policy(base())
    assert parse_policy(policy.dump()) == policy


def test_defaults_of_every_kind() -> None:
    policy = parse_policy(base())
    targets = {d.probe.kind: d.probe.target.dump() for d in policy.spec.dependencies}
    assert targets == {
        "redis": {"host": "redis.shop.svc", "port": 6379, "database": 0},
        "postgres": {"host": "db.shop.svc", "port": 5432, "database": "shop", "username": "shop"},
        "openai": {
            "baseURL": "https://api.openai.com/v1",
            "apiKeySecretRef": {"name": "openai", "key": "apiKey"},
            "check": "Models",
        },
        "http": {"url": "https://web.shop.svc/health", "method": "GET", "expectStatus": ["200-399"]},
        "s3": {
            "endpoint": "https://store.shop.svc",
            "bucket": "documents",
            "region": "us-east-1",
            "pathStyle": True,
        },
        "tcp": {"host": "port.shop.svc", "port": 9092},
    }


def test_a_given_config_map_name_holds() -> None:
    assert parse_policy(changed(base(), {"spec.configMapName": "other"})).config_map_name == "other"


def test_expected_statuses() -> None:
    policy = parse_policy(
        changed(base(), {"spec.dependencies.3.probe.http.expectStatus": ["204", "300-302"]})
    )
    http = policy.spec.dependencies[3].probe.http
    assert http is not None
    assert [status for status in range(100, 600) if http.expects(status)] == [204, 300, 301, 302]


@pytest.mark.parametrize(
    ("impact", "levels"),
    [
        ({"slow": 4}, {"Up": 1, "Slow": 4, "ReadOnly": 4, "Down": 4}),
        ({"down": 3}, {"Up": 1, "Slow": 1, "ReadOnly": 1, "Down": 3}),
        ({"read_only": 3}, {"Up": 1, "Slow": 1, "ReadOnly": 3, "Down": 3}),
        ({"slow": 2, "down": 5}, {"Up": 1, "Slow": 2, "ReadOnly": 2, "Down": 5}),
        ({"slow": 2, "read_only": 3, "down": 5}, {"Up": 1, "Slow": 2, "ReadOnly": 3, "Down": 5}),
    ],
)
def test_a_state_without_an_entry_uses_the_next_milder_one(
    impact: dict[str, int], levels: dict[str, int]
) -> None:
    assert {state.value: Impact(**impact).level(state) for state in State} == levels


def test_a_breaker_as_the_document_holds_it() -> None:
    assert Breaker().entry() == BreakerEntry()
    breaker = Breaker.model_validate(
        {
            "mode": "Observe",
            "openWhenDown": False,
            "failureThreshold": 3,
            "resetTimeout": "1500ms",
            "callTimeout": "2s",
            "halfOpen": {"maxTrials": 2, "successThreshold": 3, "maxDuration": "90s"},
            "slidingWindow": {"calls": 100, "minimumCalls": 20, "slowCallDuration": "250ms"},
        }
    )
    assert asdict(breaker.entry()) == asdict(
        BreakerEntry(
            mode=BreakerMode.OBSERVE,
            open_when_down=False,
            failure_threshold=3,
            reset_timeout=1.5,
            call_timeout=2.0,
            half_open=HalfOpenEntry(max_trials=2, success_threshold=3, max_duration=90.0),
            sliding_window=SlidingWindowEntry(
                calls=100,
                minimum_calls=20,
                failure_rate_percent=50,
                slow_call_duration=0.25,
                slow_call_rate_percent=80,
            ),
        )
    )


def test_is_frozen_and_strict_about_spelling() -> None:
    policy = parse_policy(base())
    with pytest.raises(ValueError, match="frozen"):
        policy.spec.mode = "Observe"  # type: ignore[misc,assignment]  # that is what is tried
    with pytest.raises(
        InvalidPolicy, match=r"spec\.stale_after: is not a known key; did you mean staleAfter"
    ):
        parse_policy(changed(base(), {"spec.stale_after": "5m"}))


@pytest.mark.parametrize("raw", [None, [], "text", 5])
def test_something_else_than_an_object(raw: Any) -> None:
    with pytest.raises(
        InvalidPolicy, match="must be an object with the keys apiVersion, kind, metadata, spec"
    ):
        parse_policy(raw)


def test_a_refusal_survives_pickling() -> None:
    with pytest.raises(InvalidPolicy) as refusal:
        parse_policy({})
    copied = pickle.loads(pickle.dumps(refusal.value))  # noqa: S301 - its own
    assert (type(copied), copied.problems) == (InvalidPolicy, refusal.value.problems)


def test_many_problems_are_cut_short() -> None:
    policy: dict[str, Any] = base()
    policy["spec"]["dependencies"] = [{"name": f"d{index}"} for index in range(1000)]
    with pytest.raises(InvalidPolicy) as refusal:
        parse_policy(policy)
    assert len(refusal.value.problems) == 51
    assert "more problems" in refusal.value.problems[-1].message


def test_a_problem_names_where_it_is_by_name_else_by_index() -> None:
    policy = changed(base(), {"spec.dependencies.0.name": 5, "spec.dependencies.0.impact": 3})
    with pytest.raises(InvalidPolicy) as refusal:
        parse_policy(policy)
    assert [problem.path for problem in refusal.value.problems] == [
        "spec.dependencies[0].name",
        "spec.dependencies[0].impact",
    ]


def test_models_describe_each_field() -> None:
    """For `kubectl explain`."""
    schema = DegradationPolicy.model_json_schema()
    for name, model in schema["$defs"].items():
        for key, field in model.get("properties", {}).items():
            assert field.get("description"), f"{name}.{key}"
