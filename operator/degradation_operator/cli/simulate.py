"""`degradation simulate`: the level for given states."""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

import click

from degradation.document import Mode, State
from degradation_operator.api.policy import DegradationPolicy
from degradation_operator.api.problems import listed
from degradation_operator.cli.policies import POLICY_FILE, only_policy
from degradation_operator.engine.level import Judgement, cause, judge
from degradation_operator.engine.spec import compile_spec


@click.command()
@click.argument("file", metavar="FILE", type=POLICY_FILE)
@click.option("--down", metavar="NAME", multiple=True, help="A dependency that is Down; repeatable.")
@click.option("--slow", metavar="NAME", multiple=True, help="A dependency that is Slow; repeatable.")
@click.option("--read-only", metavar="NAME", multiple=True, help="A dependency that is ReadOnly; repeatable.")
@click.option("-o", "--output", type=click.Choice(["json"]), help="Print one JSON document instead.")
def simulate(
    file: Path, down: tuple[str, ...], slow: tuple[str, ...], read_only: tuple[str, ...], output: str | None
) -> None:
    """Show the level and the features that a policy gives for states of its dependencies; others are Up.

    Exit codes: 0 well, 1 the policy is not valid, 2 wrong usage.
    """
    policy = only_policy(file)
    held = _states(policy, {State.DOWN: down, State.SLOW: slow, State.READ_ONLY: read_only})
    spec = compile_spec(policy)
    judgement, reason = judge(spec, held), cause(spec, held)
    words = None if reason is None else reason.message
    if output == "json":
        click.echo(json.dumps(_as_json(judgement, words, held), indent=2))
    else:
        click.echo("\n".join(_as_lines(policy, judgement, words, held)))


def _states(policy: DegradationPolicy, named: Mapping[State, tuple[str, ...]]) -> dict[str, State]:
    known = [dependency.name for dependency in policy.spec.dependencies]
    held = dict.fromkeys(known, State.UP)
    for state, names in named.items():
        for name in names:
            if name not in held:
                close = get_close_matches(name, known, n=1)
                meant = f"Did you mean {close[0]}?" if close else f"There are {listed(known)}."
                raise click.UsageError(f"The policy has no dependency {name!r}. {meant}")
            if held[name] not in {State.UP, state}:
                raise click.UsageError(f"{name} cannot be both {held[name]} and {state}.")
            held[name] = state
    return held


def _as_json(judgement: Judgement, words: str | None, held: Mapping[str, State]) -> dict[str, object]:
    level = judgement.level
    return {
        "level": int(level),
        "name": level.name,
        "capacity": level.capacity,
        "cause": words,
        "features": dict(judgement.features),
        "dependencies": {name: state.value for name, state in held.items()},
    }


def _as_lines(
    policy: DegradationPolicy, judgement: Judgement, words: str | None, held: Mapping[str, State]
) -> list[str]:
    level = judgement.level
    rows = [
        ("level", f"{level.value} {level.name}, {level.capacity} % of the normal capacity"),
        ("cause", words or "none"),
    ]
    rows += _block("dependencies", {name: state.value for name, state in held.items()})
    rows += _block("features", {name: "on" if on else "off" for name, on in judgement.features.items()})
    width = max(len(head) for head, _ in rows)
    lines = [f"{head:{width}}  {text}".rstrip() for head, text in rows]
    if policy.spec.mode is Mode.OBSERVE:
        lines.append("The policy is in mode Observe: this would be the level; what is published is level 1.")
    return lines


def _block(title: str, entries: Mapping[str, str]) -> list[tuple[str, str]]:
    width = max((len(name) for name in entries), default=0)
    return [
        (title if index == 0 else "", f"{name:{width}}  {value}")
        for index, (name, value) in enumerate(entries.items())
    ]
