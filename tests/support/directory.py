"""Directories that hold a document the way a mounted ConfigMap does."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from degradation.document import Document, data

_numbers: Final = itertools.count()


def swap(directory: Path, document: Document | Mapping[str, str | bytes]) -> None:
    """Replace all files of a directory at once, as the kubelet does: by renaming the link `..data`."""
    files = data(document) if isinstance(document, Document) else document
    link, fresh = directory / "..data", directory / f"..{next(_numbers)}"
    before = directory / link.readlink() if link.is_symlink() else None
    fresh.mkdir(parents=True)
    for name, text in files.items():
        (fresh / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        if not (directory / name).is_symlink():
            (directory / name).symlink_to(Path("..data") / name)
    (directory / "..data_tmp").symlink_to(fresh.name)
    (directory / "..data_tmp").rename(link)
    if before is not None:
        shutil.rmtree(before)
