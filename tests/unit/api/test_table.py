from typing import Any

import pytest

from degradation_operator.api.parse import parse_policy
from degradation_operator.api.problems import InvalidPolicy
from tests.support.policies import Case, accepted, base, refused


@pytest.mark.parametrize("case", accepted(), ids=lambda case: case.name)
def test_accepts(case: Case) -> None:
    parse_policy(case.policy)


@pytest.mark.parametrize("case", refused(), ids=lambda case: case.name)
def test_refuses_for_the_reason_given_and_for_no_other(case: Case) -> None:
    with pytest.raises(InvalidPolicy) as refusal:
        parse_policy(case.policy)
    (problem,) = refusal.value.problems
    assert problem.path == case.path
    assert case.message in problem.message


@pytest.mark.parametrize("case", refused(), ids=lambda case: case.name)
def test_says_it_in_words_of_its_own_and_without_secrets(case: Case) -> None:
    with pytest.raises(InvalidPolicy) as refusal:
        parse_policy(case.policy)
    text = str(refusal.value)
    for jargon in ("Input should", "pydantic", "validation", "hunter2", "Traceback", "\n"):
        assert jargon not in text


def test_names_of_cases_are_unique() -> None:
    names = [case.name for case in accepted() + refused()]
    assert sorted(names) == sorted(set(names))


def test_says_all_problems_at_once() -> None:
    policy: dict[str, Any] = base()
    policy["spec"]["mode"] = "Off"
    policy["spec"]["dependencies"][0]["probe"]["timeout"] = "10s"
    policy["spec"]["dependencies"][1]["impact"] = {}
    policy["spec"]["features"][0]["maxlevel"] = 1
    with pytest.raises(InvalidPolicy) as refusal:
        parse_policy(policy)
    assert str(refusal.value).splitlines() == [
        "spec.mode: must be Enforce or Observe, not 'Off'",
        "spec.dependencies[redis].probe.timeout: timeout (10s) must be shorter than interval (10s)",
        "spec.dependencies[db].impact: at least one of slow, readOnly and down is required, such as {down: 3}",
        "spec.features[cache].maxlevel: is not a known key; did you mean maxLevel?",
    ]
