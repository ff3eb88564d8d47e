import pytest
import yaml

from degradation_operator.api.files import load_policies
from degradation_operator.api.parse import parse_policy
from degradation_operator.api.problems import InvalidPolicy
from tests.support.bad_texts import BAD_TEXTS
from tests.support.policies import base, changed

POLICY = yaml.safe_dump(base())


def _refusal(text: str | bytes) -> str:
    with pytest.raises(InvalidPolicy) as refusal:
        load_policies(text, "shop.yaml")
    return str(refusal.value)


@pytest.mark.parametrize("name", BAD_TEXTS)
def test_refuses_a_text(name: str) -> None:
    text, message = BAD_TEXTS[name]
    assert _refusal(text) == f"shop.yaml: {message}"


def test_a_line_with_a_secret_is_not_shown() -> None:
    assert "hunter2" not in _refusal("password: hunter2: x\n")


def test_aliases_that_stand_for_billions() -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n"
        for before, name in zip("abcdefghi", "bcdefghij", strict=True)
    )
    assert "stands for too much once its aliases are followed" in _refusal(bomb)


def test_reads_a_policy_among_other_kinds() -> None:
    text = f"kind: Namespace\n---\n{POLICY}\n---\nkind: Secret\nstringData: {{a: b}}\n"
    assert load_policies(text, "shop.yaml") == (parse_policy(base()),)


def test_reads_several_and_bytes_with_a_mark() -> None:
    other = changed(base(), {"metadata.namespace": "other"})
    text = POLICY + "---\n" + yaml.safe_dump(other)
    assert load_policies(b"\xef\xbb\xbf" + text.encode(), "shop.yaml") == (
        parse_policy(base()),
        parse_policy(other),
    )


def test_the_same_policy_twice() -> None:
    assert _refusal(POLICY + "---\n" + POLICY) == (
        "shop.yaml: metadata.name: the policy shop/shop stands in the file twice"
    )


def test_anchors_and_merges_are_followed() -> None:
    text = POLICY.replace("metadata:", "metadata: &m", 1).replace("    down: 2", "    <<: {down: 2}", 1)
    assert "&m" in text
    assert "<<" in text
    assert load_policies(text, "shop.yaml") == (parse_policy(base()),)


def test_a_document_without_a_kind_is_meant_as_a_policy() -> None:
    text = yaml.safe_dump(changed(base(), {}, ["kind"]))
    assert _refusal(text) == "shop.yaml: kind: is required; write DegradationPolicy"


@pytest.mark.parametrize("written", ["2026-11-23", "2026-11-23T20:04:05Z", "="])
def test_what_other_readers_make_something_of_stays_text(written: str) -> None:
    text = POLICY.replace("username: shop", f"username: {written}")
    postgres = load_policies(text, "shop.yaml")[0].spec.dependencies[1].probe.postgres
    assert postgres is not None
    assert postgres.username == written
