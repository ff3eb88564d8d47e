"""`degradation lint`: what is wrong or pointless in policy files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from degradation_operator.api.files import policies_in, read_policy
from degradation_operator.api.policy import DegradationPolicy
from degradation_operator.api.problems import InvalidPolicy, Problem
from degradation_operator.cli.checks import check
from degradation_operator.cli.policies import POLICY_FILE, read


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in a file that a person should look at."""

    file: str
    path: str
    message: str


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=POLICY_FILE)
@click.option("-o", "--output", type=click.Choice(["json"]), help="Print one JSON document instead.")
@click.pass_context
def lint(context: click.Context, files: tuple[Path, ...], output: str | None) -> None:
    """Find what is wrong or pointless in policy files, without a cluster.

    Other kinds in a file are skipped. Exit codes: 0 nothing found, 1 something found, 2 wrong usage, such as
    a file that is not there.
    """
    findings = [
        finding for file, text in [(file, read(file)) for file in files] for finding in _lint(file, text)
    ]
    if output == "json":
        click.echo(json.dumps({"findings": [asdict(finding) for finding in findings]}, indent=2))
    else:
        for finding in findings:
            click.echo(f"{finding.file}: {Problem(finding.path, finding.message)}")
        if not findings:
            click.echo("Nothing found.")
    context.exit(1 if findings else 0)


def _lint(file: Path, text: bytes) -> Iterator[Finding]:
    for problem in _problems(text):
        yield Finding(str(file), problem.path, problem.message)


def _problems(text: bytes) -> Iterator[Problem]:
    try:
        raws = policies_in(text)
    except InvalidPolicy as error:
        yield from error.problems
        return
    seen: list[DegradationPolicy] = []
    for index, raw in enumerate(raws, start=1):
        policy, problems = read_policy(raw)
        if policy is not None:
            problems = (*_clashes(policy, seen), *check(policy))
            seen.append(policy)
        for problem in problems:
            # One policy a file is the rule; only beside others does a finding have to say whose it is.
            whose = "" if len(raws) == 1 else _name(policy) if policy else f"policy {index}"
            yield Problem(f"{whose}: {problem.path}" if whose else problem.path, problem.message)


def _clashes(policy: DegradationPolicy, others: list[DegradationPolicy]) -> Iterator[Problem]:
    """What two policies of a file would fight over."""
    for other in others:
        if other.metadata.namespace != policy.metadata.namespace:
            continue
        if other.metadata.name == policy.metadata.name:
            yield Problem("metadata.name", f"the policy {_name(policy)} stands in the file twice")
        elif other.config_map_name == policy.config_map_name:
            yield Problem(
                "spec.configMapName",
                f"{policy.config_map_name} is published by {_name(other)} as well; choose another name",
            )


def _name(policy: DegradationPolicy) -> str:
    return f"{policy.metadata.namespace}/{policy.metadata.name}"
