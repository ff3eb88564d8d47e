"""What is wrong with something a person wrote, and where."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

_LONGEST_ECHO: Final = 80
_MOST_LISTED: Final = 12


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        path: Where, such as `spec.dependencies[redis].probe.timeout` or `line 3, column 5`; empty for the
            whole.
        message: What is wrong and what would be right, for a person; never a value that may be secret.
    """

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class Invalid(Exception):  # noqa: N818 - it says what the thing is
    """Something a person wrote is not valid.

    Args:
        problems: All that was found, at least one.
        file: The file that it was found in, where there is one.
    """

    def __init__(self, problems: Iterable[Problem], *, file: str | None = None) -> None:
        self.problems: Final = tuple(problems)
        self.file: Final = file
        at = f"{file}: " if file else ""
        super().__init__("\n".join(f"{at}{problem}" for problem in self.problems))


class InvalidPolicy(Invalid):
    """A DegradationPolicy, or the file it should be in, is not valid."""


class InvalidOverride(Invalid):
    """An override is not valid."""


def shown(value: object) -> str:
    """A value that a person wrote, for a message: at most 80 characters on one line.

    Only for values that cannot be secret.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and value.bit_length() > 200:
        return "a number of very many digits"
    return shortened(repr(value))


def shortened(text: str) -> str:
    """A text on one line, at most 80 characters of it."""
    line = "".join(character if character.isprintable() else "?" for character in text)
    return line if len(line) <= _LONGEST_ECHO else line[: _LONGEST_ECHO - 3] + "..."


def listed(names: Sequence[str]) -> str:
    """Names for a message: `a, b, c`, and how many more where there are many."""
    more = f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
    return ", ".join(names[:_MOST_LISTED]) + more
