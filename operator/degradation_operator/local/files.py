"""Files that are there whole or not at all, and a directory whose files change together.

The directory looks like a mounted ConfigMap: each file is a link through `..data`, and one rename of that link
swaps them all (as the kubelet's AtomicWriter does).
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

DATA: Final = "..data"
_MODE: Final = 0o644  # Agents may run as other users.


def write_whole(path: Path, text: str) -> None:
    """Replace a file in one step; it survives a crash of the machine whole, old or new.

    Raises:
        OSError: It cannot be written; the old one is still there.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        _write(temporary, text)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def swap(directory: Path, files: Mapping[str, str]) -> None:
    """Replace a directory's files all together.

    Raises:
        OSError: They cannot be written; the old ones are still there.
    """
    fresh = directory / f"..{secrets.token_hex(8)}"
    fresh.mkdir(mode=0o755)
    try:
        for name, text in files.items():
            _write(fresh / name, text)
        _sync(fresh)
        link = directory / f"{DATA}_tmp"
        link.unlink(missing_ok=True)
        link.symlink_to(fresh.name)
        link.replace(directory / DATA)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    for name in files:
        _link(directory, name)
    _sync(directory)
    _clean(directory, keep=fresh.name)


def _link(directory: Path, name: str) -> None:
    path, target = directory / name, f"{DATA}/{name}"
    if path.is_symlink() and str(path.readlink()) == target:
        return
    # Somebody has put a file of their own there, or it is the first time.
    temporary = directory / f"..{secrets.token_hex(4)}_link"
    temporary.symlink_to(target)
    temporary.replace(path)


def _clean(directory: Path, *, keep: str) -> None:
    """Remove what earlier swaps, and such as were killed in the middle, have left."""
    for entry in directory.iterdir():
        if entry.name.startswith("..") and entry.name not in {keep, DATA}:
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fchmod(descriptor, _MODE)
        os.fsync(descriptor)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
