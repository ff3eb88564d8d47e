"""The table of accepted and refused policies in `tests/data/policies/cases.yaml`."""

from __future__ import annotations

import copy
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_FILE = Path(__file__).parents[1] / "data" / "policies" / "cases.yaml"


@dataclass(frozen=True)
class Case:
    """One object, and for a refused one where and why; `models_only` where a cluster says it in another way."""

    name: str
    policy: dict[str, Any]
    path: str
    message: str
    models_only: bool


def base() -> dict[str, Any]:
    """A valid policy with a dependency of each kind."""
    policy: dict[str, Any] = copy.deepcopy(_table()["base"])
    return policy


def accepted() -> list[Case]:
    """Objects that have to be accepted."""
    return _cases("accepted")


def refused() -> list[Case]:
    """Objects that have to be refused, for the reason given."""
    return _cases("refused")


def changed(
    policy: dict[str, Any], changes: dict[str, Any], removed: list[str] | None = None
) -> dict[str, Any]:
    """A copy with values put in, or taken out, at dotted paths."""
    policy = copy.deepcopy(policy)
    for path, value in changes.items():
        holder, key = _holder(policy, path)
        if isinstance(holder, list) and key == len(holder):
            holder.append(value)
        else:
            holder[key] = value
    for path in removed or []:
        holder, key = _holder(policy, path)
        del holder[key]
    return policy


def _lengthened(policy: dict[str, Any], lengths: dict[str, int]) -> dict[str, Any]:
    for path, length in lengths.items():
        holder, key = _holder(policy, path)
        if isinstance(holder[key], str):
            holder[key] = "a" * length
        else:
            first, *rest = holder[key]
            more = [copy.deepcopy(first) for _ in range(length - 1 - len(rest))]
            for number, item in enumerate(more):
                if isinstance(item, dict) and "name" in item:
                    item["name"] = f"more-{number}"
            holder[key] = [first, *rest, *more]
    return policy


def _holder(policy: dict[str, Any], path: str) -> tuple[Any, Any]:
    holder: Any = policy
    *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    for part in way:
        holder = holder.setdefault(part, {}) if isinstance(holder, dict) else holder[part]
    return holder, last


@functools.cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return table


def _cases(which: str) -> list[Case]:
    table = _table()
    return [
        Case(
            name=case["name"],
            policy=_lengthened(
                changed(table["base"], case.get("set", {}), case.get("remove")), case.get("long", {})
            ),
            path=case.get("path", ""),
            message=case.get("message", ""),
            models_only=case.get("only") == "models",
        )
        for case in table[which]
    ]
