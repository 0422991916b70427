"""Checks of the heartbeats: which processes run, and whether they reach the broker."""

from collections import Counter
from collections.abc import Iterator, Sequence

from app.db.connections import Connection
from app.system.processes import Process, list_processes
from cli.doctor.findings import Finding, fine, notice, wrong
from schemas.system import BrokerState, ProcessState

CHECK = "processes"


def check_heartbeats(connection: Connection) -> Iterator[Finding]:
    """Report the processes that were seen within the last hour."""
    processes = list_processes(connection)
    seen = [process for process in processes if process.state is ProcessState.RUNNING]
    if not seen:
        yield notice(
            CHECK,
            "No process has written a heartbeat in the last 35 s.",
            "Start the processes; those of older versions write none.",
        )
        return
    yield fine(CHECK, f"These processes write heartbeats: {_numbers(seen)}.")
    lost = [process for process in processes if process.state is ProcessState.LOST]
    if lost:
        yield notice(
            CHECK,
            f"These processes were not seen for 35 s: {_names(lost)}. They ended, hang, or PostgreSQL refuses them.",
            "Start them again, unless others have replaced them. No job is lost.",
        )
    away = [process for process in seen if process.broker is BrokerState.AWAY]
    if away:
        causes = ", ".join(sorted({process.broker_cause or "" for process in away}))
        yield wrong(
            CHECK,
            f"These processes wait for the broker ({causes}): {_names(away)}.",
            "Check that the broker runs and that they reach it at BROKER_URL.",
        )


def _numbers(processes: Sequence[Process]) -> str:
    kinds = Counter(process.kind for process in processes)
    return ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items()))


def _names(processes: Sequence[Process]) -> str:
    return ", ".join(f"{process.name} on {process.host} (process {process.pid})" for process in processes)
