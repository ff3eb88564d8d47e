"""Ties a program's life to that of the process that started it, then becomes that program.

Run as a file, not imported: `python -I -S _tether.py PARENT SIGNAL USER PROGRAM ARGUMENT…`. PARENT is the
process id to live as long as, SIGNAL the number of the signal that its death brings, USER the name of the user
to become, or `-`. A small program instead of a `preexec_fn`: that would run Python in a forked copy of a
process with threads, which may hang.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Become USER, ask for SIGNAL at the parent's death, become PROGRAM."""
    parent, signal_number, user, *command = sys.argv[1:]
    if user != "-":
        _become(user)
    if sys.platform == "linux":
        # After the change of user: that clears the request.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0)
        if os.getppid() != int(parent):  # It died before it could be noticed.
            sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 - becoming that program is the purpose


def _become(name: str) -> None:
    import pwd  # Only where a user is asked for.

    entry = pwd.getpwnam(name)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


if __name__ == "__main__":
    main()
