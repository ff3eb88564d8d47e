"""What the operator reports: the status of a DegradationPolicy and that of its DegradationStatus."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from degradation.document import Mode, State
from degradation_operator.api.base import AnyLevel, Flag, Model, Name, Subdomain, Text, Whole
from degradation_operator.api.names import Condition, PresentState, Reason
from degradation_operator.api.override import Override
from degradation_operator.api.timestamps import Timestamp

Words = Annotated[Text, Field(max_length=256)]
LevelName = Literal["OPTIMAL", "DEGRADED", "LIMITED", "MINIMAL", "EMERGENCY"]
_Revision = Annotated[Whole, Field(ge=0, le=2**52)]
_Generation = Annotated[Whole, Field(ge=0)]
_Figure = Annotated[Text, Field(max_length=64)]


class _Reported(Model):
    # What a newer operator reported must not stop an older one from starting on it.
    model_config = ConfigDict(extra="ignore")


class ConditionEntry(_Reported):
    """One condition of the policy."""

    type: Condition = Field(description="Which one.")
    status: Literal["True", "False", "Unknown"] = Field(description="Whether it holds.")
    reason: Annotated[Text, Field(min_length=1, max_length=64, pattern="^[A-Za-z]+$")] = Field(
        description="Why, in one word."
    )
    message: Annotated[Text, Field(max_length=1024)] = Field(
        default="", description="Why, for a person, and what to do."
    )
    observed_generation: _Generation = Field(description="Generation of the policy that it is about.")
    last_transition_time: Timestamp = Field(description="When its status last changed.")


class PolicyStatus(_Reported):
    """How the policy fares."""

    observed_generation: _Generation | None = Field(
        default=None, description="Generation of the policy that this is about."
    )
    level: AnyLevel | None = Field(default=None, description="The published level, 1 (best) to 5.")
    level_name: LevelName | None = Field(default=None, description="The level in words.")
    mode: Mode | None = Field(default=None, description="The mode in force.")
    config_map_name: Subdomain | None = Field(
        default=None, description="ConfigMap in which the decision is published."
    )
    since: Timestamp | None = Field(default=None, description="When the level began.")
    cause: Words | None = Field(default=None, description="Why the level is not better; absent at level 1.")
    conditions: Annotated[tuple[ConditionEntry, ...], Field(max_length=16)] = Field(
        default=(), description="What is as it should be, and what is not."
    )


class CauseEntry(_Reported):
    """Why the level is not better."""

    dependency: Name | None = Field(default=None, description="The dependency whose state caused it.")
    rule: Name | None = Field(default=None, description="The rule that matched.")
    state: State | None = Field(default=None, description="The dependency's held state.")
    message: Words = Field(description="The cause in words.")
    measured: _Figure | None = Field(default=None, description="What was measured, such as 5.02 s.")
    threshold: _Figure | None = Field(default=None, description="What it was compared with, such as 500 ms.")


class DependencyEntry(_Reported):
    """A dependency's present state."""

    name: Name = Field(description="Name of the dependency.")
    state: PresentState = Field(description="Its present state.")
    since: Timestamp | None = Field(default=None, description="When that state began.")
    reason: Reason | None = Field(default=None, description="Why, in one word.")
    message: Words = Field(default="", description="Why, for a person; for Unknown, what to do.")
    source: Literal["Probe"] = Field(default="Probe", description="Who found it out.")


class FeatureEntry(_Reported):
    """A feature as published."""

    name: Name = Field(description="Name of the feature.")
    enabled: Flag = Field(description="Whether it is on.")


class RecoveryEntry(_Reported):
    """The next better level, and when it is due."""

    target_level: AnyLevel = Field(description="The next better level.")
    eligible_at: Timestamp | None = Field(
        default=None, description="When it is due; absent while something is still broken."
    )
    message: Words = Field(default="", description="What is still needed.")


class ObservedEntry(_Reported):
    """What the rules say, where that is not what is published (Observe, override)."""

    level: AnyLevel = Field(description="The level that the rules give.")
    cause: CauseEntry | None = Field(default=None, description="Why; absent at level 1.")


class TransitionEntry(_Reported):
    """One change of the published level."""

    # `from` is a keyword of Python.
    from_: AnyLevel = Field(alias="from", description="The level before.")
    to: AnyLevel = Field(description="The level after.")
    at: Timestamp = Field(description="When.")
    cause: Words = Field(default="", description="Why, in words.")
    revision: _Revision = Field(description="Revision of the document that brought it.")
    seconds: Annotated[Whole, Field(ge=0)] = Field(description="How long the level before had lasted.")


class LevelStatus(_Reported):
    """The published level, why it is so, and what it takes to improve."""

    policy_generation: _Generation | None = Field(
        default=None, description="Generation of the policy that it was decided by."
    )
    revision: _Revision | None = Field(default=None, description="Revision of the published document.")
    level: AnyLevel | None = Field(default=None, description="The published level, 1 (best) to 5.")
    level_name: LevelName | None = Field(default=None, description="The level in words.")
    capacity: Annotated[Whole, Field(ge=0, le=100)] | None = Field(
        default=None,
        description="Percent of the normal capacity that the level stands for; not a measurement.",
    )
    since: Timestamp | None = Field(default=None, description="When the level began.")
    previous_level: AnyLevel | None = Field(default=None, description="The level before it.")
    cause: CauseEntry | None = Field(
        default=None, description="Why the level is not better; absent at level 1."
    )
    dependencies: Annotated[tuple[DependencyEntry, ...], Field(max_length=32)] = Field(
        default=(), description="The present states; the level follows the worst of the last holdFor."
    )
    features: Annotated[tuple[FeatureEntry, ...], Field(max_length=64)] = Field(
        default=(), description="The features as published."
    )
    recovery: RecoveryEntry | None = Field(
        default=None, description="The next better level, and when it is due; absent at level 1."
    )
    observed: ObservedEntry | None = Field(
        default=None, description="What the rules say, under Observe and while an override is in force."
    )
    override: Override | None = Field(default=None, description="The override in force.")
    transitions: Annotated[tuple[TransitionEntry, ...], Field(max_length=50)] = Field(
        default=(), description="The last changes of the level, newest first."
    )
