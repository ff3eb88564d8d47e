"""Directories for the length of a run."""

import os
import re
import shutil
import tempfile
from pathlib import Path


def make_scratch(kind: str) -> Path:
    """Make an empty directory for this process's files; the caller removes it.

    Those that processes left behind which were killed are removed first: their names say whose they were.
    """
    parent = Path(tempfile.gettempdir())
    for left in parent.glob(f"degradation-{kind}-*-*"):
        owner = re.fullmatch(rf"degradation-{kind}-(\d+)-.+", left.name)
        if owner is not None and not _lives(int(owner[1])) and left.stat().st_uid == os.geteuid():
            shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"degradation-{kind}-{os.getpid()}-"))


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
