"""Orphan processes, which a killed `mergelane up` left running. The next one on the same folder stops them.

A process id alone identifies nothing, since the kernel reuses ids. The creation time is recorded with it.
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

POLL_SECONDS = 0.05
STOP_SECONDS = 10.0
"""How long an orphan may take to stop: a PostgreSQL writes its checkpoint first."""


class ProcessRecords:
    """The files NAME.pid in *folder*: process id, creation time, and the signal that stops the process cleanly."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def record(self, program: Program, pid: int) -> None:
        """Record that *program* runs as the process *pid*."""
        created = psutil.Process(pid).create_time()
        self._path(program.name).write_text(f"{pid} {created} {int(program.orphan_signal)}", encoding="ascii")

    def delete(self, program: Program) -> None:
        """Delete the record of *program*, which has stopped."""
        self._path(program.name).unlink(missing_ok=True)

    def stop_orphans(self) -> list[str]:
        """Stop every recorded process that still runs; return their names."""
        stopped = []
        for file in sorted(self._folder.glob("*.pid")):
            if _stop_recorded(file.read_text(encoding="ascii")):
                stopped.append(file.stem)
            file.unlink()
        return stopped

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.pid"


def _stop_recorded(record: str) -> bool:
    """Stop the process of *record* and its children; return False when none of them runs."""
    pid, created, stop_signal = _parse_record(record)
    members = _session_members(pid, created)
    leader = [member for member in members if member.pid == pid]
    for process in leader:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(stop_signal)
    _wait_for_exit(leader)
    if members:
        kill_session(pid)
        _wait_for_exit(members)
    return bool(members)


def _wait_for_exit(processes: Sequence[psutil.Process]) -> None:
    """Wait until *processes* have exited, at most STOP_SECONDS.

    `psutil.wait_procs` would also wait until their parent has reaped them, and that parent is not this process.
    """
    deadline = time.monotonic() + STOP_SECONDS
    while any(_is_alive(process) for process in processes) and time.monotonic() < deadline:
        threading.Event().wait(POLL_SECONDS)


def _parse_record(record: str) -> tuple[int, float, signal.Signals]:
    """Return process id, creation time and signal; the id is 0 when a crash of the machine cut the record short."""
    try:
        pid, created, stop_signal = record.split()
        return int(pid), float(created), signal.Signals(int(stop_signal))
    except ValueError:
        return 0, 0.0, signal.SIGKILL


def _session_members(pid: int, created: float) -> list[psutil.Process]:
    """Return the live processes of the session whose leader was the process *pid*, created at *created* seconds."""
    if pid <= 0 or created < psutil.boot_time():
        return []
    members = [process for process in psutil.process_iter() if _session_id(process) == pid and _is_alive(process)]
    leader = next((member for member in members if member.pid == pid), None)
    if leader is not None and abs(leader.create_time() - created) > 1:
        return []  # the kernel has reused the id
    return members


def _is_alive(process: psutil.Process) -> bool:
    """Return whether *process* runs and is no zombie."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _session_id(process: psutil.Process) -> int | None:
    """Return the session of *process*; None when it has just exited or belongs to another user."""
    try:
        return os.getsid(process.pid)
    except (ProcessLookupError, PermissionError):
        return None
