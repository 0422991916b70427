"""Checks of the jobs: dead jobs, paused queues, jobs that wait too long, and full backlogs, workspace by workspace."""

from collections.abc import Iterator
from datetime import timedelta

from app.config import Settings
from app.db.connections import Connection
from app.db.transaction import Transaction
from app.ledger.backlog import count_waiting_jobs
from app.ledger.queue_control import list_paused_workspaces
from cli.doctor.database import QUERIES
from cli.doctor.findings import Finding, fine, notice, wrong

#: A job that waits longer than this many delays of rescue is no ordinary backlog.
LATE_AFTER_RESCUES = 5
#: The share of MERGELANE_WAITING_BOUND from which on a backlog is reported.
NEARLY_FULL = 0.8


def check_jobs(connection: Connection, settings: Settings) -> Iterator[Finding]:
    """Yield the findings about the jobs of all workspaces."""
    dead: dict[str, int] = {}
    waits: dict[str, float] = {}
    backlogs: dict[str, int] = {}
    paused_ids = set(list_paused_workspaces(connection))
    paused: list[str] = []
    for row in connection.execute(QUERIES["workspaces"]).fetchall():
        values, name = {"workspace_id": row["workspace_id"]}, row["name"]
        if (found := connection.execute(QUERIES["dead_jobs"], values).fetchone()) and found["jobs"]:
            dead[name] = found["jobs"]
        if row["workspace_id"] in paused_ids:
            paused.append(name)
        if oldest := connection.execute(QUERIES["oldest_waiting"], values).fetchone():
            if row["workspace_id"] not in paused_ids:
                waits[name] = oldest["waited_s"]
            backlogs[name] = count_waiting_jobs(
                Transaction(connection, row["workspace_id"]), bound=settings.waiting_bound
            )
    yield _check_dead(dead)
    yield _check_paused(paused)
    yield _check_waiting(waits, longest=LATE_AFTER_RESCUES * (settings.rescue_after_s + settings.rescue_every_s))
    yield _check_backlogs(backlogs, bound=settings.waiting_bound)


def _check_dead(dead: dict[str, int]) -> Finding:
    if not dead:
        return fine("dead jobs", "No job is dead.")
    most = max(dead, key=lambda name: dead[name])
    return notice(
        "dead jobs",
        f"{sum(dead.values())} jobs are dead, most of them in the workspace {most!r}.",
        "Read their reasons (`GET /merge/jobs?state=dead`) and the logs of the workers, fix the cause, then retry them"
        " with `mergelane jobs retry`.",
    )


def _check_paused(paused: list[str]) -> Finding:
    if not paused:
        return fine("paused queues", "No queue is paused.")
    return notice(
        "paused queues",
        f"The queues of {len(paused)} workspaces are paused, the first of them is {paused[0]!r}: their jobs wait.",
        "Find who paused them with `mergelane queue show --all`, and resume them with `mergelane queue resume`.",
    )


def _check_waiting(waits: dict[str, float], *, longest: float) -> Finding:
    """Report the job that has waited longest; more than *longest* seconds is a problem."""
    if not waits:
        return fine("waiting jobs", "No job is waiting.")
    workspace = max(waits, key=lambda name: waits[name])
    duration = _format_duration(waits[workspace])
    waited = f"The oldest unfinished job, in the workspace {workspace!r}, has waited for {duration}"
    if waits[workspace] > longest:
        return wrong(
            "waiting jobs",
            f"{waited}.",
            "Check that a relay and workers run without errors in their logs. Start more workers for a backlog.",
        )
    return fine("waiting jobs", f"{waited}.")


def _check_backlogs(backlogs: dict[str, int], *, bound: int) -> Finding:
    """Report a workspace whose requests are refused, or soon will be, because too many of its jobs wait."""
    workspace, most = max(backlogs.items(), key=lambda item: item[1], default=("", 0))
    waited = f"{most:,} jobs of the workspace {workspace!r} wait"
    remedy = "Check that its jobs run, start more workers, or raise MERGELANE_WAITING_BOUND."
    if most >= bound:
        return wrong("room for jobs", f"{waited}: requests that create more jobs are refused.", remedy)
    if most >= bound * NEARLY_FULL:
        return notice(
            "room for jobs", f"{waited}; from {bound:,} on, requests that create more jobs are refused.", remedy
        )
    return fine("room for jobs", f"No workspace is near the limit of {bound:,} waiting jobs.")


def _format_duration(seconds: float) -> str:
    """Return *seconds* as hours, minutes and seconds."""
    return str(timedelta(seconds=round(seconds)))
