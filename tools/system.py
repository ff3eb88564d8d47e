"""Packages of the system: installed where that is allowed, else named in one line."""

import os
import shutil
import subprocess
from pathlib import Path

POLICY = Path("/usr/sbin/policy-rc.d")


class Missing(Exception):  # noqa: N818 - it says what is the matter
    """Something is missing; the message is one line that says what, and the command that installs it."""


def install(*packages: str, why: str) -> None:
    """Install Debian packages, where this is root and there is apt.

    Raises:
        Missing: It is not allowed, or failed.
    """
    command = f"apt-get install {' '.join(packages)}"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise Missing(f"{why}: {command}")
    print(f"== {why}: {command}", flush=True)
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    ours = _forbid_services()
    try:
        for step in (
            ["apt-get", "update", "-qq"],
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages],
        ):
            done = subprocess.run(
                step, env=quiet, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
            )
            if done.returncode != 0:
                print(done.stdout.decode(errors="replace")[-2000:], flush=True)
                raise Missing(f"{why}, and installing it failed: {command}")
    finally:
        if ours:
            POLICY.unlink()


def _forbid_services() -> bool:
    """Keep packages from starting servers of their own: the tests start theirs. Whether that was not so yet."""
    if POLICY.exists():
        return False
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    return True
