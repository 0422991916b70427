"""Ties a program to the life of its parent process, then becomes that program.

Runs as a script, by path, before the real command, so it imports only the standard library. On Linux the kernel sends
the given signal to the program as soon as its parent dies, even after kill -9. Other systems have no such call; there
the next `mergelane up` stops orphan processes.

This is a wrapper, because a `preexec_fn` runs Python between fork and exec, which may deadlock when there are threads.
"""

import ctypes
import os
import pwd
import sys

PR_SET_PDEATHSIG = 1
"""From linux/prctl.h."""


def become_user(name: str) -> None:
    """Switch from root to the system user *name*."""
    user = pwd.getpwnam(name)
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)


def follow_parent(signal_number: int, parent: int) -> None:
    """Request *signal_number* for the death of the process *parent*; exit at once if it is dead already."""
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "The kernel refused to tie this process to its parent.")
    if os.getppid() != parent:
        sys.exit("The parent of this process is dead already.")


def become_command() -> None:
    """Parse `SIGNAL PARENT USER COMMAND…` (USER may be empty) and become COMMAND."""
    signal_number, parent, user, *command = sys.argv[1:]
    if user:
        become_user(user)
    follow_parent(int(signal_number), int(parent))  # after the change of user, which resets the request
    try:
        os.execvp(command[0], command)  # noqa: S606  no shell: the command comes from our own code
    except OSError as error:
        sys.exit(f"Cannot run {command[0]}: {error.strerror}.")


if __name__ == "__main__":
    become_command()
