"""Policies in files."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from degradation_operator.api.parse import parse_policy
from degradation_operator.api.policy import KIND, DegradationPolicy
from degradation_operator.api.problems import InvalidPolicy, Problem, shortened
from degradation_operator.api.yaml_text import read_yaml


def load_policies(text: str | bytes, file: str) -> tuple[DegradationPolicy, ...]:
    """All policies of a YAML file, which may hold other kinds as well.

    Args:
        text: What the file holds.
        file: Its name, for messages.

    Returns:
        At least one, in order, no two of the same name and namespace.

    Raises:
        InvalidPolicy: Some policy is not valid, there is none, or the file cannot be read as YAML.
    """
    try:
        found = [read_policy(raw) for raw in policies_in(text)]
    except InvalidPolicy as error:
        raise InvalidPolicy(error.problems, file=file) from None
    problems = [problem for _, broken in found for problem in broken]
    policies = tuple(policy for policy, _ in found if policy is not None)
    names = [f"{policy.metadata.namespace}/{policy.metadata.name}" for policy in policies]
    problems += [
        Problem("metadata.name", f"the policy {name} stands in the file twice")
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    if problems:
        raise InvalidPolicy(problems, file=file)
    return policies


def read_policy(raw: Mapping[str, Any]) -> tuple[DegradationPolicy | None, tuple[Problem, ...]]:
    """A policy, or what is wrong with it."""
    try:
        return parse_policy(raw), ()
    except InvalidPolicy as error:
        return None, error.problems


def policies_in(text: str | bytes) -> tuple[Mapping[str, Any], ...]:
    """The policies of a YAML text, not yet read; other kinds are left out.

    Raises:
        InvalidPolicy: There is none, or the text is no YAML.
    """
    documents = read_yaml(text)
    if not documents:
        raise InvalidPolicy([Problem("", "is empty; it should hold a DegradationPolicy")])
    for document in documents:
        if not isinstance(document, Mapping):
            what = "a list" if isinstance(document, list) else "a single value"
            raise InvalidPolicy(
                [
                    Problem(
                        "",
                        f"holds {what} at the top; it should be a DegradationPolicy, beginning with apiVersion",
                    )
                ]
            )
    # Without a kind it may well be meant as a policy: better a complaint than silence.
    policies = tuple(document for document in documents if document.get("kind", KIND) == KIND)
    if not policies:
        kinds = list(dict.fromkeys(shortened(str(document["kind"])) for document in documents))
        close = get_close_matches(KIND, kinds, n=1)
        meant = f"; did you mean {KIND} instead of {close[0]}?" if close else f", only {', '.join(kinds[:5])}"
        raise InvalidPolicy([Problem("", f"holds no DegradationPolicy{meant}")])
    return policies
