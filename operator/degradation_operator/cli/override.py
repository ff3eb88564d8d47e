"""`degradation override`: a person's hand on the level, with a reason and an end."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from degradation.level import Level
from degradation_operator.api.durations import Duration
from degradation_operator.api.parse import parse_override
from degradation_operator.api.problems import InvalidOverride
from degradation_operator.api.timestamps import rfc3339
from degradation_operator.local.files import write_whole
from degradation_operator.local.state import read_state
from degradation_operator.local.store import OVERRIDE
from degradation_operator.ports import PolicyRef


class _Length(click.ParamType[Duration]):
    name = "DURATION"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Duration:
        if isinstance(value, Duration):
            return value
        try:
            length = Duration(str(value))
        except ValueError:
            self.fail(f"{value!r} is no duration such as 30m or 1h30m", param, ctx)
        if length.seconds <= 0:
            self.fail("it must be longer than nothing", param, ctx)
        return length


@click.command()
@click.argument("name")
@click.option("-n", "--namespace", default="default", show_default=True, help="The policy's namespace.")
@click.option("--level", type=click.IntRange(1, 5), help="The level to set, 1 (OPTIMAL) to 5 (EMERGENCY).")
@click.option("--for", "length", type=_Length(), help="How long, such as 30m.")
@click.option("--reason", help="Why, for whoever looks next.")
@click.option("--clear", is_flag=True, help="Take the override back.")
@click.option(
    "--dir",
    "directory",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The directory of `degradation run`.",
)
def override(
    name: str,
    namespace: str,
    level: int | None,
    length: Duration | None,
    reason: str | None,
    clear: bool,  # noqa: FBT001 - click passes what the options are called
    directory: Path | None,
) -> None:
    r"""Set the level of the policy NAME by hand, until it ends or is cleared.

    \b
    degradation override retail --level 4 --for 30m --reason "database maintenance" --dir DIR
    degradation override retail --clear --dir DIR
    """
    if directory is None:
        raise click.UsageError("--dir DIR is required: the directory that `degradation run` publishes into")
    _check_directory(directory, PolicyRef(namespace, name))
    path = directory / OVERRIDE
    if clear:
        if level is not None or length is not None or reason is not None:
            raise click.UsageError(
                "--clear takes the override back; it goes with no --level, --for or --reason"
            )
        _clear(path)
        return
    missing = [
        option
        for option, value in (("--level", level), ("--for", length), ("--reason", reason))
        if value is None
    ]
    if level is None or length is None or reason is None:
        raise click.UsageError(f"{', '.join(missing)} missing; or --clear to take an override back")
    try:
        until = datetime.now(UTC) + timedelta(seconds=length.seconds)
    except OverflowError:
        raise click.UsageError("--for is too long") from None
    order = {"level": level, "reason": reason, "until": rfc3339(until)}
    try:
        parse_override(order)
    except InvalidOverride as error:
        raise click.UsageError("; ".join(map(str, error.problems))) from None
    _write(path, json.dumps(order) + "\n")
    click.echo(f"level {level} ({Level(level).name}) until {order['until']}: {reason}")


def _check_directory(directory: Path, ref: PolicyRef) -> None:
    try:
        kept = read_state(directory)
    except OSError as error:
        raise click.ClickException(f"cannot read {error.filename}: {error.strerror}") from None
    if kept is None:
        raise click.ClickException(
            f"nothing is published in {directory}; is it the --dir of `degradation run`?"
        )
    if kept.policy != str(ref):
        raise click.ClickException(f"{directory} belongs to the policy {kept.policy}, not to {ref}")


def _clear(path: Path) -> None:
    try:
        path.unlink()
    except FileNotFoundError:
        click.echo("there is no override")
    except OSError as error:
        raise click.ClickException(f"cannot delete {path}: {error.strerror}") from None
    else:
        click.echo("the override is taken back; the level follows the rules")


def _write(path: Path, text: str) -> None:
    try:
        write_whole(path, text)
    except OSError as error:
        raise click.ClickException(f"cannot write {path}: {error.strerror}") from None
