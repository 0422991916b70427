"""Programs that run beside this process: started with a log of their own, tied to its life, stopped politely."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cli.up import tether

ChildProcess = subprocess.Popen[bytes]

LOG_BYTES_KEPT = 10 * 1024 * 1024
"""A log that has grown beyond this is set aside as NAME.log.1 when its program is started again."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """What to run, as whom, and how it wants to be ended.

    `stop_signal` asks it to finish what it has in hand, within `stop_seconds`; `orphan_signal` is what the kernel
    sends it when this process dies without a word.
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
    """Start *program* in a session of its own, its output appended to its log, tied to the life of this process.

    Call it from a thread that lives as long as the process: Linux ties a child to the thread that made it.
    """
    set_aside(program.log)
    tied = [sys.executable, "-I", "-S", tether.__file__, str(int(program.orphan_signal)), str(os.getpid())]
    with program.log.open("ab") as log:
        return subprocess.Popen(
            [*tied, program.user or "", *program.command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=program.directory,
            env=dict(program.environ),
            start_new_session=True,
        )


def kill_session(leader: int) -> None:
    """Kill whatever is left of the process group that the process *leader* was started as."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        # Nobody left; macOS says "not permitted" when all that is left has ended and waits for its parent.
        return


def set_aside(log: Path) -> None:
    """Move *log* to NAME.log.1, over the previous one, once it has grown too big."""
    if log.exists() and log.stat().st_size > LOG_BYTES_KEPT:
        log.replace(log.with_name(log.name + ".1"))
