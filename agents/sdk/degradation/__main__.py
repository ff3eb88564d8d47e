"""`python -m degradation`: the command lives in another distribution."""

from __future__ import annotations

import sys


def main() -> int:
    """Say what to install. Returns 2, wrong usage."""
    sys.stderr.write(
        "degradation: this is the SDK, which has no command; install degradation-operator for the `degradation` command\n"
    )
    return 2


if __name__ == "__main__":
    sys.exit(main())
