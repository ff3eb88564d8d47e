"""Whatever comes in: a policy, or an InvalidPolicy that a person can read."""

import json
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from degradation_operator.api.files import load_policies
from degradation_operator.api.parse import parse_override, parse_policy
from degradation_operator.api.problems import Invalid
from tests.support.policies import base

_keys = st.text(max_size=8) | st.sampled_from(
    ["name", "probe", "spec", "dependencies", "redis", "tls", "host"]
)
_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["5s", "1d", "redis", "http://[", "https://a:b@c", "-", "204-100", "\ud800", "9" * 400])
    | st.just(10**400),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_keys, inner, max_size=4),
    max_leaves=12,
)


def _check(error: Invalid) -> None:
    assert error.problems
    for problem in error.problems:
        assert problem.message
        assert len(problem.message) < 400
        assert str(problem).isprintable()
        str(problem).encode()


def _places(value: Any, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for key, item in inner for place in _places(item, (*at, key)))]


_PLACES = _places(base())[1:]


@settings(deadline=None)
@given(_values)
def test_anything(raw: Any) -> None:
    try:
        parse_policy(raw)
    except Invalid as error:
        _check(error)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(_PLACES), _keys, _values), min_size=1, max_size=4))
def test_a_policy_with_anything_in_some_places(changes: list[tuple[tuple[str | int, ...], str, Any]]) -> None:
    policy: Any = base()
    for place, key, value in changes:
        holder: Any = policy
        try:
            for part in place[:-1]:
                holder = holder[part]
            if isinstance(holder[place[-1]], dict) and len(key) % 2:
                holder[place[-1]][key] = value  # one more key
            else:
                holder[place[-1]] = value
        except (TypeError, KeyError, IndexError):
            continue  # an earlier change took the place away
    try:
        parse_policy(policy)
    except Invalid as error:
        _check(error)


@settings(deadline=None)
@given(_values)
def test_any_override(raw: Any) -> None:
    try:
        parse_override(raw)
    except Invalid as error:
        _check(error)


@settings(deadline=None)
@given(st.text() | st.binary())
def test_any_text(text: str | bytes) -> None:
    try:
        load_policies(text, "policy.yaml")
    except Invalid as error:
        _check(error)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_policy_cut_or_disturbed(data: st.DataObject) -> None:
    text = yaml.safe_dump(base())
    at = data.draw(st.integers(0, len(text)))
    until = data.draw(st.integers(at, min(len(text), at + 20)))
    disturbed = (
        text[:at]
        + data.draw(st.text(st.sampled_from("{}[]:-&*!|>'\"%@`,?# \t\n<a1\0"), max_size=6))
        + text[until:]
    )
    try:
        load_policies(disturbed, "policy.yaml")
    except Invalid as error:
        _check(error)


def test_a_policy_as_json_is_yaml_too() -> None:
    assert load_policies(json.dumps(base()), "policy.json") == (parse_policy(base()),)


def test_a_number_that_python_would_not_print() -> None:
    policy = base()
    policy["spec"]["dependencies"][0]["probe"]["failureThreshold"] = 10**5000
    policy["spec"]["dependencies"][1]["probe"]["interval"] = 10**5000
    with pytest.raises(Invalid) as refusal:
        parse_policy(policy)
    _check(refusal.value)
    assert len(refusal.value.problems) == 2


def test_nested_beyond_reason() -> None:
    deep: Any = {}
    for _ in range(100_000):
        deep = {"a": deep}
    with pytest.raises(Invalid, match="nested too deeply") as refusal:
        parse_policy({**base(), "spec": deep})
    _check(refusal.value)
    while deep:  # taken apart by hand: freeing it recursively is what Python does badly
        deep = deep["a"]
