"""Starts child processes: each with its own log and session, tied to the life of this process."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cli.up import parent_death
from cli.up.system_user import user_environ

ChildProcess = subprocess.Popen[bytes]

MAX_LOG_BYTES = 10 * 1024 * 1024
"""A larger log is renamed to NAME.log.1 before its program starts again."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """A command to run, its user, and how to stop it.

    `stop_signal` asks it to finish its work within `stop_seconds`; the kernel sends `orphan_signal` when this process
    dies.
    """

    name: str
    command: Sequence[str]
    environ: Mapping[str, str]
    log: Path
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 30.0
    orphan_signal: signal.Signals = signal.SIGKILL
    directory: Path = field(default_factory=Path.cwd)


def spawn(program: Program) -> ChildProcess:
    """Start *program* in a new session, append its output to its log, and tie it to the life of this process.

    Call it from a thread that lives as long as the process: Linux ties a child to the thread that created it.
    """
    rotate_log(program.log)
    wrapper = [sys.executable, "-I", "-S", parent_death.__file__, str(int(program.orphan_signal)), str(os.getpid())]
    with program.log.open("ab") as log:
        return subprocess.Popen(
            [*wrapper, program.user or "", *program.command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=program.directory,
            env={**program.environ, **user_environ(program.user)},
            start_new_session=True,
        )


def kill_session(leader: int) -> None:
    """Kill all processes of the process group that *leader* started."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        # The group is empty. macOS reports a permission error when only zombies are left.
        return


def rotate_log(log: Path) -> None:
    """Rename *log* to NAME.log.1, over the previous one, when it is too large."""
    if log.exists() and log.stat().st_size > MAX_LOG_BYTES:
        log.replace(log.with_name(log.name + ".1"))
