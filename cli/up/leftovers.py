"""What a killed `mergelane up` may leave running, found again by the next one on the same home and ended.

A process number alone proves nothing, since numbers are given again. The time of its making goes with it.
"""

import os
import signal
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from cli.up.processes import Program, kill_session

LOOK_SECONDS = 0.05
PATIENCE_SECONDS = 10.0
"""How long a leftover may take to end of itself: a PostgreSQL that was asked to stop writes a checkpoint first."""


class Records:
    """The files NAME.pid in *folder*: number, time of making, and the signal that ends the process well."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def note(self, program: Program, number: int) -> None:
        """Write down that *program* runs as the process *number*."""
        made = psutil.Process(number).create_time()
        self._file(program.name).write_text(f"{number} {made} {int(program.orphan_signal)}", encoding="ascii")

    def forget(self, program: Program) -> None:
        """Strike *program* off: it has been ended."""
        self._file(program.name).unlink(missing_ok=True)

    def end_leftovers(self) -> list[str]:
        """End every process that is written down and still runs; return their names."""
        ended = []
        for file in sorted(self._folder.glob("*.pid")):
            if _end(file.read_text(encoding="ascii")):
                ended.append(file.stem)
            file.unlink()
        return ended

    def _file(self, name: str) -> Path:
        """Return the file of the process *name*."""
        return self._folder / f"{name}.pid"


def _end(record: str) -> bool:
    """End what *record* describes; False when there was nothing left of it."""
    number, made, ending = _parsed(record)
    members = _session(number, made)
    leader = [member for member in members if member.pid == number]
    for process in leader:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(ending)
    _await_end(leader)
    if members:
        kill_session(number)
        _await_end(members)
    return bool(members)


def _await_end(processes: Sequence[psutil.Process]) -> None:
    """Wait until *processes* have ended, or for as long as leftovers are given.

    psutil's own waiting would also wait for a stranger to take note of their end, which is not ours to hurry.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while any(_alive(process) for process in processes) and time.monotonic() < deadline:
        threading.Event().wait(LOOK_SECONDS)


def _parsed(record: str) -> tuple[int, float, signal.Signals]:
    """Return what *record* says; a record cut short by a failing machine says that nothing is left."""
    try:
        number, made, ending = record.split()
        return int(number), float(made), signal.Signals(int(ending))
    except ValueError:
        return 0, 0.0, signal.SIGKILL


def _session(number: int, made: float) -> list[psutil.Process]:
    """Return what runs of the session that the process *number*, made at *made* seconds, was the leader of."""
    if number <= 0 or made < psutil.boot_time():
        return []
    members = [process for process in psutil.process_iter() if _session_of(process) == number and _alive(process)]
    leader = next((member for member in members if member.pid == number), None)
    if leader is not None and abs(leader.create_time() - made) > 1:
        return []  # the number was given to a stranger since
    return members


def _alive(process: psutil.Process) -> bool:
    """Tell whether *process* still runs, and does not only wait for its parent to take note of its end."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _session_of(process: psutil.Process) -> int | None:
    """Return the number of the session of *process*, or None when it has just ended or is not ours to ask about."""
    try:
        return os.getsid(process.pid)
    except (ProcessLookupError, PermissionError):
        return None
