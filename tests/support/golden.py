"""Whole outputs compared with files. `UPDATE_GOLDEN=1 pytest` writes them anew; a review reads the diff."""

from __future__ import annotations

import os
from pathlib import Path

_FOLDER = Path(__file__).parents[1] / "data" / "golden"


def assert_golden(name: str, text: str) -> None:
    """A text is what the file `tests/data/golden/NAME` holds."""
    file = _FOLDER / name
    if os.environ.get("UPDATE_GOLDEN"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8"), f"{name} differs; UPDATE_GOLDEN=1 writes it anew"
