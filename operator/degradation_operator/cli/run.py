"""`degradation run`: one policy, on this machine, without a cluster."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from degradation_operator.app import CannotStart, LocalOptions, run_local
from degradation_operator.cli.policies import POLICY_FILE, only_policy
from degradation_operator.telemetry.logs import LogFormat, configure_logs


class _Listen(click.ParamType[tuple[str, int]]):
    name = "HOST:PORT"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        if isinstance(value, tuple):
            return value
        host, colon, port = str(value).rpartition(":")
        if not colon or not port.isdecimal() or int(port) > 65535:
            self.fail(f"{value!r} is no address such as 127.0.0.1:9400", param, ctx)
        return host.strip("[]") or "0.0.0.0", int(port)


@click.command()
@click.argument("policy", type=POLICY_FILE, metavar="POLICY.yaml")
@click.option(
    "--dir",
    "directory",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the document is published; agents are told it as DEGRADATION_DIR.",
)
@click.option(
    "--secrets-dir",
    "secrets",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Holds a file NAME/KEY for each Secret or ConfigMap that the policy refers to.",
)
@click.option(
    "--listen",
    type=_Listen(),
    default="127.0.0.1:9400",
    show_default=True,
    help="Serves /metrics, /healthz and /readyz.",
)
@click.option("--log-format", type=click.Choice(["console", "json"]), default="console", show_default=True)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
)
def run(
    policy: Path,
    directory: Path,
    secrets: Path | None,
    listen: tuple[str, int],
    log_format: LogFormat,
    log_level: str,
) -> None:
    """Probe what POLICY.yaml names, decide its level and publish it into a directory.

    The file may be edited while it is followed; a mistake in it leaves the last good decision in force.
    """
    configure_logs(log_format, log_level)
    options = LocalOptions(
        file=policy,
        policy=only_policy(policy),
        directory=directory,
        secrets=secrets,
        host=listen[0],
        port=listen[1],
    )
    try:
        asyncio.run(run_local(options))
    except CannotStart as error:
        raise click.ClickException(str(error)) from None
