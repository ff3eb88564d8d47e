"""`make check`: everything that can be judged without running the product."""

import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "bin"

# Joined here, so that this file does not hold what it looks for.
FOREIGN = re.compile(
    "|".join(
        (
            "py" + r"pi\.org",
            r"files\.python" + r"hosted\.org",
            "registry" + r"\.npmjs\.org",
            r"docker" + r"\.io/",
            r"(?<![\w.])/" + r"(?:root|home|work)/\w",
        )
    )
)
"""Addresses of package registries and paths of somebody's machine."""


def main(sources: Sequence[str]) -> int:
    """Run each check, say how it went; how many failed."""
    sources = [source for source in sources if (ROOT / source).exists()]
    failed = 0
    for name, command in (
        ("style", [str(BIN / "ruff"), "check", "--quiet", *sources]),
        ("form", [str(BIN / "ruff"), "format", "--check", "--quiet", *sources]),
        ("types", [str(BIN / "mypy"), *sources]),
        ("layers", [str(BIN / "lint-imports"), "--no-logo"]),
    ):
        failed += not succeeded(name, command)
    problems = [*package_in_operator(), *drift(), *foreign_strings()]
    for problem in problems:
        print(problem)
    print(f"{'ok    ' if not problems else 'FAILED'} repository", flush=True)
    return failed + bool(problems)


def succeeded(name: str, command: Sequence[str]) -> bool:
    """Run a check; what it says is shown where it fails."""
    begun = time.monotonic()
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    well = done.returncode == 0
    if not well:
        print(done.stdout)
    print(f"{'ok    ' if well else 'FAILED'} {name} ({time.monotonic() - begun:.1f} s)", flush=True)
    return well


GENERATED = {"docs/reference/document.schema.json": "degradation.document_schema"}
"""A file, and the module that writes it to standard output."""


def drift() -> "list[str]":
    """Generated files that are not what the code generates now."""
    problems = []
    for file, module in GENERATED.items():
        done = subprocess.run(
            [str(BIN / "python"), "-m", module], cwd=ROOT, capture_output=True, text=True, check=True
        )
        if done.stdout != (ROOT / file).read_text(encoding="utf-8"):
            problems.append(f"{file} is not what the code generates: python -m {module} > {file}")
    return problems


def package_in_operator() -> "list[str]":
    """A package called `operator` would stand before the standard library's module."""
    if (ROOT / "operator" / "__init__.py").exists():
        return ["operator/__init__.py must not exist: it would shadow the standard library's module operator"]
    return []


def foreign_strings() -> "list[str]":
    """What belongs to a machine or a registry, in any file under version control."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    found = []
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if not path.is_file():
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if FOREIGN.search(line):
                found.append(
                    f"{name}:{number}: an address of a registry or a path of one machine: {line.strip()[:120]}"
                )
    return found


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:]) else 0)
