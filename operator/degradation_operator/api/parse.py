"""From what a person wrote, or a cluster holds, to models; every problem at once, each with its path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from degradation_operator.api.override import Override
from degradation_operator.api.policy import DegradationPolicy
from degradation_operator.api.problems import Invalid, InvalidOverride, InvalidPolicy, Problem, shown
from degradation_operator.api.wording import path_of, problems_of

_DEEPEST: Final = 32
"""No policy nests deeper than half of it."""

_MOST_PROBLEMS: Final = 50
"""More than anybody reads at once."""

_Model = TypeVar("_Model", bound=BaseModel)


def parse_policy(raw: Mapping[str, Any]) -> DegradationPolicy:
    """Read a policy from JSON-like data.

    Its `status`, and what else its metadata holds, are not looked at. Rules between fields are checked where
    the fields themselves are right, so mending one problem may show another.

    Raises:
        InvalidPolicy: With all problems found.
    """
    return _parse(raw, DegradationPolicy, InvalidPolicy, ignored=("status",))


def parse_override(raw: Mapping[str, Any]) -> Override:
    """Read an override from JSON-like data.

    Raises:
        InvalidOverride: With all problems found.
    """
    return _parse(raw, Override, InvalidOverride)


def _parse(
    raw: object, model: type[_Model], error: type[Invalid], *, ignored: tuple[str, ...] = ()
) -> _Model:
    if not isinstance(raw, Mapping):
        raise error([Problem("", f"must be an object with the keys {', '.join(_keys(model, ignored))}")])
    top = {key: value for key, value in raw.items() if key not in ignored}
    cleaner = _Cleaner(top)
    clean = cleaner.clean(top, ())
    problems: dict[str, Problem] = {}
    for problem in cleaner.problems:
        problems.setdefault(problem.path, problem)
    try:
        parsed = model.model_validate(clean, by_alias=True, by_name=False)
    except ValidationError as invalid:
        found = problems_of(invalid, clean, model)
        # A key that is empty is missing as well; the first message says more.
        raise error(_first([*problems.values(), *(p for p in found if p.path not in problems)])) from None
    if problems:
        raise error(_first(list(problems.values())))
    return parsed


def _first(problems: list[Problem]) -> list[Problem]:
    if len(problems) <= _MOST_PROBLEMS:
        return problems
    return [*problems[:_MOST_PROBLEMS], Problem("", f"and {len(problems) - _MOST_PROBLEMS} more problems")]


def _keys(model: type[BaseModel], ignored: tuple[str, ...]) -> list[str]:
    names = [field.alias or name for name, field in model.model_fields.items()]
    return [name for name in names if name not in ignored]


class _Cleaner:
    """Copies JSON-like data, and finds what pydantic would take for something else."""

    def __init__(self, top: object) -> None:
        self._top = top
        self.problems: list[Problem] = []

    def clean(self, value: object, loc: tuple[str | int, ...]) -> object:
        if len(loc) > _DEEPEST:
            self._refuse(loc[:4], "is nested too deeply")
            return None
        if isinstance(value, Mapping):
            return dict(self._entries(value, loc))
        if isinstance(value, list | tuple):
            return [self.clean(item, (*loc, index)) for index, item in enumerate(value)]
        return value

    def _entries(self, value: Mapping[Any, Any], loc: tuple[str | int, ...]) -> Iterator[tuple[str, object]]:
        for key, item in value.items():
            if not isinstance(key, str):
                self._refuse(loc, f"has a key that is no text: {shown(key)}; put it in quotes")
            elif item is None:
                # The API server drops empty keys. Here they are an oversight: `tls:` would be no TLS.
                # Metadata is full of them (`creationTimestamp: null`).
                if loc[:1] != ("metadata",):
                    self._refuse((*loc, key), "is empty; give it a value or leave it out")
            else:
                yield key, self.clean(item, (*loc, key))

    def _refuse(self, loc: tuple[str | int, ...], message: str) -> None:
        self.problems.append(Problem(path_of(loc, self._top), message))
