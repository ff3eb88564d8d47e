"""Run every benchmark, one after another, and write what they say to `benchmarks/RESULTS.md`.

Figures are for this machine, with what else it did; ratios are of one interleaved run each.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
LIMIT = 600  # seconds that one of them may take

# Script and arguments, and what is to be reached.
BENCHMARKS = (
    ("directory_follow.py", (), "directory swap → `on_change`: p99 ≤ 5 ms on an idle machine"),
    ("publish.py", (), "server killed → document written, 250 ms intervals: p99 ≤ 750 ms"),
    ("redis_targets.py", ("--full",), "4,000 Redis targets at 5 s: ≤ 2.5 × the CPU of a raw client"),
    (
        "engine.py",
        (),
        "≥ 20,000 evaluations/s of a 10-dependency policy; cost per policy flat from 10 to 10,000",
    ),
    ("sdk_gate.py", (), "a feature's gate that is on: ≤ 3 × a bare await"),
)
PACKAGES = ("redis", "asyncpg", "pydantic", "prometheus-client", "asyncinotify", "fastapi")


def main() -> int:
    """Run them all; how many could not be run."""
    failed = 0
    parts = [heading()]
    for script, arguments, goal in BENCHMARKS:
        print(f"== {script}: {goal}", flush=True)
        figures = run(script, arguments)
        if figures is None:
            failed += 1
            continue
        print(json.dumps(figures), flush=True)
        command = " ".join(["python", f"benchmarks/{script}", *arguments])
        parts.append(f"## {goal}\n\n`{command}`\n\n{table(figures)}\n")
    (HERE / "RESULTS.md").write_text("\n".join(parts), encoding="utf-8")
    return failed


def run(script: str, arguments: tuple[str, ...]) -> dict[str, Any] | None:
    """The line of JSON that a benchmark ends with; None where it failed to give one."""
    done = subprocess.run(
        [sys.executable, str(HERE / script), *arguments],
        cwd=HERE.parent,
        env=os.environ | {"PYTHONPATH": str(HERE.parent)},
        stdout=subprocess.PIPE,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    lines = done.stdout.strip().splitlines()
    try:
        figures: dict[str, Any] = json.loads(lines[-1])
    except (IndexError, ValueError):
        print(f"FAILED (exit code {done.returncode})", flush=True)
        return None
    return figures


def heading() -> str:
    """When and where."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        "# Results\n\n"
        f"Written by `make bench` on {datetime.now(UTC):%Y-%m-%d}: Python {platform.python_version()}, "
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores; {packages}.\n"
    )


def table(figures: dict[str, Any]) -> str:
    """Names and figures, nested ones by their path."""
    rows = [(name, value) for name, value in flat(figures) if name != "benchmark"]
    return "\n".join(["| figure | value |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)])


def flat(figures: dict[str, Any], at: str = "") -> list[tuple[str, Any]]:
    """Every figure with its path."""
    rows: list[tuple[str, Any]] = []
    for name, value in figures.items():
        rows += flat(value, f"{at}{name}.") if isinstance(value, dict) else [(at + name, value)]
    return rows


if __name__ == "__main__":
    sys.exit(main())
