"""Starts the processes of `mergelane up` in groups, restarts a process that exits, and stops them in reverse order."""

import threading
import time
from collections.abc import Callable, Sequence

from app.errors import SetupError
from cli.up.data_dir import DataDir
from cli.up.managed_process import ManagedProcess
from cli.up.orphan_processes import ProcessRecords
from cli.up.processes import Program

POLL_SECONDS = 0.1
START_SECONDS = 90.0
LOG_LINES = 15


class StopRequested(Exception):
    """The operator stopped `mergelane up` before everything had started."""


class Supervisor:
    """Runs groups of processes until *stop* is set; *report* receives what happens, in sentences.

    Setting `kill_now` ends the wait for processes that stop.
    """

    def __init__(self, data_dir: DataDir, stop: threading.Event, report: Callable[[str], None]) -> None:
        self._stop = stop
        self._report = report
        self._records = ProcessRecords(data_dir.run)
        self._groups: list[list[ManagedProcess]] = []
        self.kill_now = threading.Event()

    @property
    def has_started(self) -> bool:
        """Whether any process was started."""
        return bool(self._groups)

    def stop_orphan_processes(self) -> None:
        """Stop processes that a killed `mergelane up` left running on this folder."""
        if stopped := self._records.stop_orphans():
            self._report(f"Stopped processes of an earlier run: {', '.join(stopped)}.")

    def start(self, *programs: Program, before: Callable[[], None] | None = None) -> list[ManagedProcess]:
        """Start *programs* as one group; *before* runs ahead of every start and restart."""
        group: list[ManagedProcess] = []
        self._groups.append(group)
        for program in programs:
            process = ManagedProcess(program, records=self._records, report=self._report, before=before)
            group.append(process)
            process.start()
        return group

    def wait_until_ready(self, is_ready: Callable[[], bool], process: ManagedProcess) -> None:
        """Wait for *is_ready*. Raises SetupError when *process* exits or needs too long, StopRequested on a stop."""
        deadline = time.monotonic() + START_SECONDS
        while not is_ready():
            if not process.running:
                raise SetupError(f"{process.program.name} did not start. {_log_tail(process)}")
            if time.monotonic() > deadline:
                late = f"{process.program.name} is not ready after {START_SECONDS:g} s."
                raise SetupError(f"{late} {_log_tail(process)}")
            if self._stop.wait(POLL_SECONDS):
                raise StopRequested

    def supervise(self) -> None:
        """Restart processes that exit, until *stop* is set."""
        while not self._stop.wait(POLL_SECONDS):
            for group in self._groups:
                for process in group:
                    process.restart_if_due()

    def stop_all(self) -> None:
        """Stop all groups, the last one first; kill processes that need too long, or all when `kill_now` is set."""
        while self._groups:
            group = self._groups.pop()
            for process in group:
                process.request_stop()
            self._wait_for_exit(group)
            for process in group:
                process.kill()

    def _wait_for_exit(self, group: Sequence[ManagedProcess]) -> None:
        """Wait until all of *group* have exited, at most the longest of their stop times."""
        deadline = time.monotonic() + max((process.program.stop_seconds for process in group), default=0.0)
        while any(process.running for process in group):
            if time.monotonic() > deadline:
                late = ", ".join(process.program.name for process in group if process.running)
                self._report(f"Killing processes that did not stop in time: {late}.")
                return
            if self.kill_now.wait(POLL_SECONDS / 2):
                return


def _log_tail(process: ManagedProcess) -> str:
    lines = process.log_since_start().strip().splitlines()[-LOG_LINES:]
    return "\n".join([f"The last lines of its log {process.program.log}:", *lines])
