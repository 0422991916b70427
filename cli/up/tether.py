"""Tie a program to the life of the process that starts it, then become that program.

Run as a file, by path, before the real command: it needs nothing but the standard library. On Linux the kernel
sends the given signal to the program as soon as its parent is gone, even after a kill -9. Elsewhere there is no
such thing, and the next `mergelane up` ends what it finds left over.

A wrapper rather than `preexec_fn`: that one runs Python between fork and exec, which may deadlock beside threads.
"""

import ctypes
import os
import pwd
import sys

PR_SET_PDEATHSIG = 1
"""The number of this request in linux/prctl.h."""


def become_user(name: str) -> None:
    """Give up the rights of root for those of the system user *name*."""
    user = pwd.getpwnam(name)
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)


def follow_parent(signal_number: int, parent: int) -> None:
    """Ask the kernel for *signal_number* when the process *parent* ends; leave at once if it already has."""
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "The kernel refused to tie this process to its parent.")
    if os.getppid() != parent:
        sys.exit("The process that started this one is gone already.")


def main() -> None:
    """Read `SIGNAL PARENT USER COMMAND…` (USER may be empty) and become COMMAND."""
    signal_number, parent, user, *command = sys.argv[1:]
    if user:
        become_user(user)
    follow_parent(int(signal_number), int(parent))  # after the change of user, which would undo it
    try:
        os.execvp(command[0], command)  # noqa: S606  the command comes from our own code; a shell would be in the way
    except OSError as error:
        sys.exit(f"Cannot run {command[0]}: {error.strerror}.")


if __name__ == "__main__":
    main()
