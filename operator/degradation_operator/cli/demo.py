"""`degradation demo`: break and mend real servers, and watch an application follow."""

import asyncio
import sys

import click

_TERMINATED = 143  # what a shell reports for a program that SIGTERM ended

_WIDTH = 150  # characters of a line where no terminal says it


@click.command()
def demo() -> None:
    """Start real servers, the operator and an application; break and mend each server in turn.

    Takes about a minute, needs no cluster and no rights, listens on 127.0.0.1 alone and leaves nothing behind.
    Ends with 0 where every level and every answer was as it must be, with 1 otherwise.
    """
    try:
        from rich.console import Console

        from degradation_operator.demo.run import run_demo
        from degradation_operator.demo.servers import ServerError
    except ModuleNotFoundError as error:
        message = f"{error.name} is missing: pip install 'degradation-operator[demo]'"
        raise click.ClickException(message) from None
    try:
        console = Console()
        if not console.is_terminal:
            console = Console(width=_WIDTH)
        well = asyncio.run(run_demo(console))
    except ServerError as error:
        raise click.ClickException(str(error)) from None
    except asyncio.CancelledError:
        click.echo("ended by SIGTERM; nothing is left behind", err=True)
        sys.exit(_TERMINATED)
    sys.exit(0 if well else 1)
