from typing import Any

import pytest

from degradation_operator.api.parse import parse_policy
from degradation_operator.cli.checks import check, recovery_seconds
from tests.support.policies import base, changed


def _findings(changes: dict[str, Any], removed: list[str] | None = None) -> list[str]:
    return [str(problem) for problem in check(parse_policy(changed(base(), changes, removed)))]


def _small(dependencies: list[dict[str, Any]], **spec: Any) -> dict[str, Any]:
    return {"spec": {"dependencies": dependencies, **spec}}


def _rule(level: int, **terms: list[tuple[str, list[str]]]) -> dict[str, Any]:
    (key, pairs), *_ = terms.items()
    return {
        "name": "r",
        "level": level,
        key: [{"dependency": dependency, "states": states} for dependency, states in pairs],
    }


REDIS = {"name": "redis", "impact": {"down": 2}, "probe": {"redis": {"host": "redis.shop.svc"}}}
PORT = {"name": "port", "impact": {"down": 3}, "probe": {"tcp": {"host": "port.shop.svc", "port": 1}}}
DB = {
    "name": "db",
    "impact": {"slow": 3, "down": 5},
    "probe": {
        "slowAfter": "1s",
        "postgres": {"host": "db.shop.svc", "database": "shop", "username": "shop"},
    },
}
ALL = [REDIS, PORT, DB]


RULES: list[tuple[str, dict[str, Any], list[str]]] = [
    ("a rule that adds something", _rule(4, allOf=[("redis", ["Down"]), ("port", ["Down"])]), []),
    ("any of two", _rule(4, anyOf=[("redis", ["Down"]), ("port", ["Down"])]), []),
    ("redis turns clients away", _rule(4, allOf=[("redis", ["Slow"])]), []),
    (
        "redis is never read-only",
        _rule(4, allOf=[("redis", ["ReadOnly"]), ("port", ["Down"])]),
        ["spec.rules[r]: never matches: the redis probe of redis never finds it ReadOnly"],
    ),
    (
        "tcp is never slow without slowAfter",
        _rule(4, allOf=[("port", ["Slow"])]),
        ["spec.rules[r]: never matches: the tcp probe of port never finds it Slow; slowAfter would tell"],
    ),
    (
        "two states at once",
        _rule(4, allOf=[("redis", ["Down"]), ("redis", ["Slow"])]),
        ["spec.rules[r]: never matches: its terms ask one dependency to be in different states at once"],
    ),
    (
        "no term of any",
        _rule(4, anyOf=[("redis", ["ReadOnly"]), ("port", ["Slow", "ReadOnly"])]),
        ["spec.rules[r]: never matches: the redis probe of redis never finds it ReadOnly"],
    ),
    (
        "one dead term of two",
        _rule(4, anyOf=[("redis", ["ReadOnly"]), ("port", ["Down"])]),
        ["spec.rules[r].anyOf[0]: never matches: the redis probe of redis never finds it ReadOnly"],
    ),
    (
        "the impact says it already",
        _rule(3, allOf=[("port", ["Down"])]),
        [
            (
                "spec.rules[r]: changes nothing: whenever it matches, the impacts of its dependencies give level "
                "3 or worse already"
            )
        ],
    ),
    (
        "one impact of two says it already",
        _rule(3, allOf=[("redis", ["Down"]), ("port", ["Down"])]),
        [
            (
                "spec.rules[r]: changes nothing: whenever it matches, the impacts of its dependencies give level "
                "3 or worse already"
            )
        ],
    ),
    ("a milder state is not covered", _rule(3, allOf=[("redis", ["Slow", "Down"])]), []),
    ("one of any is not covered", _rule(3, anyOf=[("redis", ["Down"]), ("port", ["Down"])]), []),
    (
        "each of any is covered",
        _rule(2, anyOf=[("redis", ["Down"]), ("db", ["Slow", "ReadOnly", "Down"])]),
        [
            (
                "spec.rules[r]: changes nothing: whenever it matches, the impacts of its dependencies give level "
                "2 or worse already"
            )
        ],
    ),
    (
        "at rest",
        _rule(2, anyOf=[("redis", ["Up", "Down"])]),
        ["spec.rules[r]: matches while everything is Up, so the level is never better than 2"],
    ),
    ("one Up beside one Down", _rule(4, allOf=[("redis", ["Up"]), ("port", ["Down"])]), []),
]


@pytest.mark.parametrize(("rule", "findings"), [pytest.param(*case[1:], id=case[0]) for case in RULES])
def test_rules(rule: dict[str, Any], findings: list[str]) -> None:
    assert _findings(_small(ALL, rules=[rule])) == findings


FEATURES: list[tuple[str, dict[str, Any], list[str]]] = [
    ("off at some level", {"maxLevel": 4}, []),
    ("off without redis", {"requires": ["redis"]}, []),
    (
        "on at every level",
        {},
        [
            (
                "spec.features[f]: is never off: it requires nothing and stays on at every level; give it a "
                "maxLevel below 5"
            )
        ],
    ),
]


@pytest.mark.parametrize(("feature", "findings"), [pytest.param(*case[1:], id=case[0]) for case in FEATURES])
def test_features(feature: dict[str, Any], findings: list[str]) -> None:
    assert _findings(_small(ALL, features=[{"name": "f", **feature}])) == findings


def test_a_feature_that_no_level_of_this_policy_switches_off() -> None:
    feature = {"name": "f", "maxLevel": 3}
    message = (
        "spec.features[f]: is never off: it requires nothing, and no state gives a level worse than {worst}"
    )
    assert _findings(_small([REDIS, PORT], features=[feature])) == [message.format(worst=3)]
    assert (
        _findings(_small([REDIS, PORT], features=[feature], rules=[_rule(4, allOf=[("redis", ["Slow"])])]))
        == []
    )
    never = _rule(4, allOf=[("redis", ["ReadOnly"])])
    assert message.format(worst=3) in _findings(_small([REDIS, PORT], features=[feature], rules=[never]))


def test_a_dependency_that_nothing_uses() -> None:
    unused = {key: value for key, value in REDIS.items() if key != "impact"}
    message = (
        "spec.dependencies[redis]: nothing uses it: give it an impact, name it in a rule, or in the requires "
        "of a feature"
    )
    assert _findings(_small([unused])) == [message]
    assert _findings(_small([unused], features=[{"name": "f", "requires": ["redis"]}])) == []
    assert _findings(_small([unused], rules=[_rule(2, allOf=[("redis", ["Down"])])])) == []


@pytest.mark.parametrize(
    ("impact", "findings"),
    [
        (
            {"readOnly": 2, "down": 3},
            [
                (
                    "spec.dependencies[redis].impact.readOnly: a probe of kind redis never finds it ReadOnly; "
                    "leave it out"
                )
            ],
        ),
        (
            {"readOnly": 2},
            [
                (
                    "spec.dependencies[redis].impact.readOnly: a probe of kind redis never finds it ReadOnly; "
                    "write down: 2 instead"
                )
            ],
        ),
        ({"down": 2}, []),
    ],
)
def test_an_impact_that_cannot_be(impact: dict[str, int], findings: list[str]) -> None:
    assert _findings(_small([{**REDIS, "impact": impact}])) == findings


@pytest.mark.parametrize(
    ("probe", "path", "host"),
    [
        ({"redis": {"host": "cache"}}, "redis.host", "cache"),
        ({"redis": {"host": "cache."}}, "redis.host", "cache"),
        ({"postgres": {"host": "cache", "database": "d", "username": "u"}}, "postgres.host", "cache"),
        ({"tcp": {"host": "cache", "port": 1}}, "tcp.host", "cache"),
        ({"http": {"url": "https://cache:8443/x.y"}}, "http.url", "cache"),
        ({"openai": {"baseURL": "http://cache/v1"}}, "openai.baseURL", "cache"),
        ({"s3": {"endpoint": "http://cache:9000", "bucket": "documents"}}, "s3.endpoint", "cache"),
        ({"redis": {"host": "cache.shop.svc"}}, None, ""),
        ({"redis": {"host": "127.0.0.1"}}, None, ""),
        ({"redis": {"host": "::1"}}, None, ""),
        ({"http": {"url": "http://[::1]:80/"}}, None, ""),
        ({"http": {"url": "http://127.0.0.1/"}}, None, ""),
        ({"openai": {}}, None, ""),
    ],
)
def test_a_host_without_a_dot(probe: dict[str, Any], path: str | None, host: str) -> None:
    assert _findings(_small([{"name": "d", "impact": {"down": 2}, "probe": probe}])) == (
        []
        if path is None
        else [
            (
                f"spec.dependencies[d].probe.{path}: the host {host} has no dot, and names are resolved where the "
                f"operator runs; write {host}.shop.svc if it is a Service beside the policy"
            )
        ]
    )


@pytest.mark.parametrize(
    ("probe", "recovery", "seconds"),
    [
        ({}, {}, 51),
        ({"interval": "19s"}, {}, 60),  # with the defaults it holds for intervals up to 19 s
        ({"interval": "4s"}, {}, 42),
        ({"interval": "100ms"}, {}, 35.25),
        ({"interval": "20s", "timeout": "8s", "recheckInterval": "2s", "successThreshold": 4}, {}, 69),
        ({"successThreshold": 1}, {"holdFor": "0s", "rampOver": "0s"}, 15),
    ],
)
def test_how_long_recovery_takes(probe: dict[str, Any], recovery: dict[str, str], seconds: float) -> None:
    dependency = {**REDIS, "probe": {**REDIS["probe"], **probe}}  # type: ignore[dict-item]  # a table of JSON
    policy = parse_policy(changed(base(), _small([dependency], recovery=recovery)))
    assert recovery_seconds(policy, policy.spec.dependencies[0]) == seconds


def test_recovery_that_takes_too_long() -> None:
    slow = "spec.dependencies[redis]: recovery takes up to {} s once it is healthy ({}), longer than {}"
    sums = "interval {0} s + recheckInterval 1 s * 1 + timeout 5 s + holdFor 30 s + rampOver 5 s"
    at = "spec.dependencies.0"
    small = changed(base(), _small([REDIS]))

    def findings(interval: str, objective: str) -> list[str]:
        changes = {f"{at}.probe.interval": interval, f"{at}.recoveryTimeObjective": objective}
        return [str(problem) for problem in check(parse_policy(changed(small, changes)))]

    assert findings("19s", "60s") == []
    assert findings("19s", "59s") == [slow.format(60, sums.format(19), "its recoveryTimeObjective of 59s")]
    assert findings("19001ms", "2m") == [slow.format(60.001, sums.format(19.001), "60 s")]
    assert findings("20s", "1s") == [
        slow.format(61, sums.format(20), "60 s"),
        slow.format(61, sums.format(20), "its recoveryTimeObjective of 1s"),
    ]
