"""The jobs: those that are dead, and those that wait too long; one workspace after the other."""

from collections.abc import Iterator
from datetime import timedelta

from app.config import Settings
from app.db import Connection
from app.ledger.backlog import waiting
from cli.doctor.database import QUERIES
from cli.doctor.findings import Finding, fine, notice, wrong

#: Times the rescue's delay after which waiting is no ordinary backlog any more.
PATIENCE = 5
#: The part of the jobs that may wait from which on somebody should know.
NEARLY_FULL = 0.8


def examine(connection: Connection, settings: Settings) -> Iterator[Finding]:
    """Yield what is to be said about the jobs of all workspaces."""
    dead: dict[str, int] = {}
    waits: dict[str, float] = {}
    backlogs: dict[str, int] = {}
    for row in connection.execute(QUERIES["workspaces"]).fetchall():
        values, name = {"workspace_id": row["workspace_id"]}, row["name"]
        if (found := connection.execute(QUERIES["dead_jobs"], values).fetchone()) and found["jobs"]:
            dead[name] = found["jobs"]
        if oldest := connection.execute(QUERIES["oldest_waiting"], values).fetchone():
            waits[name] = oldest["waited_s"]
            backlogs[name] = waiting(connection, workspace_id=row["workspace_id"], bound=settings.waiting_bound)
    yield _dead(dead)
    yield _waiting(waits, longest=PATIENCE * (settings.rescue_after_s + settings.rescue_every_s))
    yield _room(backlogs, bound=settings.waiting_bound)


def _dead(dead: dict[str, int]) -> Finding:
    """Return whether jobs were given up."""
    if not dead:
        return fine("dead jobs", "No job is dead.")
    most = max(dead, key=lambda name: dead[name])
    return notice(
        "dead jobs",
        f"{sum(dead.values())} jobs are dead, most of them in the workspace {most!r}.",
        "Read their reasons (`GET /merge/jobs?state=dead`) and the workers' logs, mend the cause, then retry them with"
        " `mergelane jobs retry`.",
    )


def _waiting(waits: dict[str, float], *, longest: float) -> Finding:
    """Return since when the oldest job waits, and whether that is longer than *longest* seconds."""
    if not waits:
        return fine("waiting jobs", "No job waits.")
    workspace = max(waits, key=lambda name: waits[name])
    told = f"The oldest unfinished job, in the workspace {workspace!r}, has waited for {_span(waits[workspace])}"
    if waits[workspace] > longest:
        return wrong(
            "waiting jobs",
            f"{told}.",
            "See that a relay and workers run and have no errors in their logs; start more workers for a backlog.",
        )
    return fine("waiting jobs", f"{told}.")


def _room(backlogs: dict[str, int], *, bound: int) -> Finding:
    """Return whether a workspace has so many waiting jobs that its requests are refused, or soon will be."""
    workspace, most = max(backlogs.items(), key=lambda item: item[1], default=("", 0))
    told = f"{most:,} jobs of the workspace {workspace!r} wait"
    way_out = "See that its jobs are done, start more workers, or raise MERGELANE_WAITING_BOUND."
    if most >= bound:
        return wrong("room for jobs", f"{told}: requests that would make more are refused.", way_out)
    if most >= bound * NEARLY_FULL:
        return notice(
            "room for jobs", f"{told}; from {bound:,} on, requests that would make more are refused.", way_out
        )
    return fine("room for jobs", f"No workspace is near the {bound:,} jobs that may wait.")


def _span(seconds: float) -> str:
    """Return so many seconds in hours, minutes and seconds."""
    return str(timedelta(seconds=round(seconds)))
