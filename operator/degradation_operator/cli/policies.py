"""Policy files as commands take them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from degradation_operator.api.files import load_policies
from degradation_operator.api.policy import DegradationPolicy
from degradation_operator.api.problems import InvalidPolicy
from degradation_operator.api.yaml_text import MAX_BYTES

POLICY_FILE: Final = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)
"""A file that has to be there; one that is not is wrong usage (exit code 2)."""


def read(file: Path) -> bytes:
    """A file's content, as far as it is worth reading: a byte more than is accepted is enough to refuse it.

    Raises:
        click.UsageError: It cannot be read.
    """
    try:
        with file.open("rb") as opened:
            return opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise click.UsageError(f"{file} cannot be read: {error.strerror}") from None


def only_policy(file: Path) -> DegradationPolicy:
    """The one policy of a file.

    Raises:
        click.UsageError: The file cannot be read, or holds several policies.
        click.ClickException: The policy is not valid (exit code 1).
    """
    try:
        policies = load_policies(read(file), str(file))
    except InvalidPolicy as error:
        raise click.ClickException(str(error)) from None
    if len(policies) > 1:
        names = ", ".join(policy.metadata.name for policy in policies)
        raise click.UsageError(f"{file} holds {len(policies)} policies ({names}); this command takes one")
    return policies[0]
