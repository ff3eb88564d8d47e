"""The command `degradation`. A command's module is imported only when it runs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import Any, Final

import click

_INTERRUPTED: Final = 130  # what a shell reports for a program that SIGINT ended

COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "run": ("degradation_operator.cli.run:run", "Probe and decide on this machine, for one policy file."),
    "demo": ("degradation_operator.cli.demo:demo", "Break and mend real servers, and watch the level."),
    "lint": ("degradation_operator.cli.lint:lint", "Find what is wrong or pointless in policy files."),
    "simulate": ("degradation_operator.cli.simulate:simulate", "Show the level for given states."),
    "override": ("degradation_operator.cli.override:override", "Set the level by hand, with an end."),
}
"""Name → (module:attribute, help)."""


class _LazyGroup(click.Group):
    """Knows its commands by name and help; imports one when it is called."""

    def __init__(self, *args: Any, commands: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = commands

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._lazy:
            close = get_close_matches(cmd_name, self._lazy, n=1)
            meant = f"Did you mean {close[0]}?" if close else f"There are {', '.join(self._lazy)}."
            raise click.UsageError(f"There is no command {cmd_name!r}. {meant}", ctx)
        module, _, attribute = self._lazy[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self._lazy.items()])


@click.group(cls=_LazyGroup, commands=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="degradation-operator", message="%(version)s")
def cli() -> None:
    """Graceful degradation: from the health of dependencies to the level of an application."""


def main() -> None:
    """Run the command. Exit codes: 0 well, 1 a problem was found, 2 wrong usage, 130 interrupted."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the command with arguments, and return its exit code."""
    try:
        # Not standalone: there, click says "Aborted!" and ends with 1 on Ctrl-C.
        code = cli.main(arguments, prog_name="degradation", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _INTERRUPTED
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    main()
