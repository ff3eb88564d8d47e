"""Both type checkers agree with `typing_surface.py`, line by line."""

import subprocess
import sys
from pathlib import Path

import pytest

FILE = Path(__file__).with_name("typing_surface.py")
ROOT = FILE.parents[3]


@pytest.mark.parametrize(
    "checker", [("mypy",), ("pyright", "--pythonpath", sys.executable, "--warnings")], ids=lambda c: c[0]
)
def test_the_surface_is_typed_as_it_is_meant(checker: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", *checker, str(FILE)]

    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=240)

    assert run.returncode == 0, run.stdout + run.stderr
