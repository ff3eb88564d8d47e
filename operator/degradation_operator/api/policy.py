"""The DegradationPolicy: what an application depends on, and how it degrades."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field

from degradation.document import Mode
from degradation_operator.api.base import Mistake, Model, Name, Subdomain, Text, Whole, repeated
from degradation_operator.api.dependency import Dependency
from degradation_operator.api.durations import Between, Duration
from degradation_operator.api.problems import listed
from degradation_operator.api.rules import Feature, Rule

GROUP: Final = "degradation.dev"
API_VERSION: Final = "degradation.dev/v1alpha1"
KIND: Final = "DegradationPolicy"


class Recovery(Model):
    """How an improvement is taken: not at once, and not by all pods together."""

    hold_for: Annotated[Duration, Between("0s", "1h")] = Field(
        default=Duration("30s"), description="A dependency counts as its worst state of this long."
    )
    ramp_over: Annotated[Duration, Between("0s", "10m")] = Field(
        default=Duration("5s"), description="Pods take an improvement one after another over this long."
    )


class PolicySpec(Model):
    """What an application depends on, what each failure costs, and which features go off."""

    mode: Mode = Field(
        default=Mode.ENFORCE,
        description="Enforce acts. Observe computes and shows, and publishes a neutral document.",
    )
    config_map_name: Subdomain | None = Field(
        default=None,
        description="ConfigMap in which the decision is published; cannot be changed. By default the "
        "policy's name with -degradation.",
    )
    stale_after: Annotated[Duration, Between("10s", "24h")] = Field(
        default=Duration("5m"),
        description="Agents that had no confirmation for this long call themselves Stale.",
    )
    recovery: Recovery = Field(default=Recovery(), description="How an improvement is taken.")
    dependencies: Annotated[tuple[Dependency, ...], Field(min_length=1, max_length=32)] = Field(
        description="What the application depends on."
    )
    rules: Annotated[tuple[Rule, ...], Field(max_length=32)] = Field(
        default=(), description="Levels for combinations of states."
    )
    features: Annotated[tuple[Feature, ...], Field(max_length=64)] = Field(
        default=(), description="What the application does, and until which level."
    )

    def mistakes(self) -> Iterator[Mistake]:
        """Names are unique within their list, and those referred to exist."""
        lists: tuple[tuple[str, Iterable[Dependency | Rule | Feature]], ...] = (
            ("dependencies", self.dependencies),
            ("rules", self.rules),
            ("features", self.features),
        )
        for at, items in lists:
            for name in repeated(tuple(item.name for item in items)):
                yield Mistake((at,), f"the name {name} is given twice; it must be unique in {at}")
        known = [dependency.name for dependency in self.dependencies]
        for index, rule in enumerate(self.rules):
            for place, term in enumerate(rule.terms):
                if term.dependency not in known:
                    yield Mistake(
                        ("rules", index, "allOf" if rule.all_of else "anyOf", place, "dependency"),
                        _unknown(f"rule {rule.name}", term.dependency, known),
                    )
        for index, feature in enumerate(self.features):
            for place, name in enumerate(feature.requires):
                if name not in known:
                    yield Mistake(
                        ("features", index, "requires", place),
                        _unknown(f"feature {feature.name}", name, known),
                    )


class Metadata(Model):
    """What the operator needs of an object's metadata; the rest is ignored."""

    model_config = ConfigDict(extra="ignore")

    name: Name = Field(description="Name of the policy, a DNS label.")
    namespace: Name = Field(default="default", description="Its namespace.")
    uid: Annotated[Text, Field(min_length=1, max_length=64)] | None = Field(
        default=None, description="Given by the cluster."
    )
    generation: Annotated[Whole, Field(ge=0)] | None = Field(
        default=None, description="Given by the cluster."
    )


class DegradationPolicy(Model):
    """What an application depends on, and how it degrades when some of that fails."""

    api_version: Literal["degradation.dev/v1alpha1"]
    kind: Literal["DegradationPolicy"]
    metadata: Metadata
    spec: PolicySpec

    @property
    def config_map_name(self) -> str:
        """Name of the ConfigMap in which the decision is published."""
        return self.spec.config_map_name or f"{self.metadata.name}-degradation"


def _unknown(who: str, name: str, known: list[str]) -> str:
    close = get_close_matches(name, known, n=1)
    meant = f"; did you mean {close[0]}?" if close else f"; there are {listed(known)}"
    return f"{who} names a dependency that is not in spec.dependencies: {name}{meant}"
