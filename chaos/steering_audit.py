"""The audit of the steered workspace: each job has a possible outcome, and the profiles match the outcomes."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from app.db.connections import Connection
from app.db.queries import load_queries
from chaos.audit import Findings
from chaos.failing_runs import REFUSED
from chaos.families import Member
from chaos.promises import LimitedRun, Promises
from chaos.steering import WORKSPACE

QUERIES = load_queries("chaos", "steering_audit.sql")

#: Kind → outcomes that a steered job can have.
POSSIBLE = {
    "merge": {"merged", "cancelled", "changed_since_plan"},
    # A merge is not undoable if the undo of a later one was cancelled.
    "undo": {"undone", "cancelled", "not_undoable"},
}
#: The outcomes of jobs that have to fail.
FAILED = {REFUSED, "cancelled"}
#: Time in which a cancelled run takes effect.
EFFECT = timedelta(seconds=1)
#: Queries whose result must be empty: every row is an error.
MUST_BE_EMPTY = (
    "runs_without_end",
    "runs_miscounted",
    "updates_applied_twice",
    "cancellations_left",
    "undone_without_undo",
    "cancelled_with_undo",
)

Row = Mapping[str, Any]


def read_steered_jobs(connection: Connection) -> Sequence[Row]:
    """Return all jobs of the steered workspace, in the order of their ids."""
    return connection.execute(QUERIES["steered_jobs"], {"workspace": WORKSPACE}).fetchall()


def audit_steering(connection: Connection, jobs: Sequence[Row], promises: Promises, findings: Findings) -> None:
    """Compare the *jobs* of the steered workspace with *promises*, and add the differences to *findings*."""
    for row in jobs:
        _audit_steered_job(row, promises, findings)
    _audit_plans(jobs, findings)
    _audit_cancelled(jobs, promises.cancelled, findings)
    _audit_runs(jobs, promises.runs, findings)
    for run_id, run in promises.limited.items():
        _audit_limited([row for row in jobs if row["run_id"] == run_id], run_id, run, findings)
    for name in MUST_BE_EMPTY:
        found = [str(row["id"]) for row in connection.execute(QUERIES[name])]
        if found:
            findings.broken.append(f"{name}: {len(found)}, such as {', '.join(found[:5])}")


def groups_of(jobs: Sequence[Row], members: Sequence[Member]) -> dict[str, list[Member]]:
    """Return the groups of *members* that the merges in *jobs* made and no undo took back."""
    leader = {member.name: member.name for member in members}

    def find(name: str) -> str:
        while leader[name] != name:
            name = leader[name]
        return name

    for row in jobs:
        if row["kind"] == "merge" and row["outcome"] == "merged" and row["undone_at"] is None:
            leader[find(row["orphan"])] = find(row["survivor"])
    groups: defaultdict[str, list[Member]] = defaultdict(list)
    for member in members:
        groups[find(member.name)].append(member)
    return groups


def _audit_steered_job(row: Row, promises: Promises, findings: Findings) -> None:
    """Check the outcome of one job, and that it did not begin when it was not allowed to."""
    failing = {run.failing for run in promises.limited.values()}
    if row["outcome"] not in (FAILED if row["batch_id"] in failing else POSSIBLE[row["kind"]]):
        story = f"{row['attempts']} attempts, {row['reason']}"
        findings.broken.append(f"Job {row['id']} ({row['kind']}) ended as {row['outcome'] or row['state']}: {story}")
    began = row["started_at"]
    if began is None:
        return
    if any(since < began < until for since, until in promises.pauses):
        findings.broken.append(f"Job {row['id']} began at {began}, while the queue was paused.")
    # A job that began before may begin again after its worker was killed.
    cancelled = row["run_cancelled_at"]
    if cancelled is not None and row["attempts"] == 1 and began > cancelled + EFFECT:
        findings.broken.append(f"Job {row['id']} began at {began}, after its run was cancelled at {cancelled}.")


def _audit_plans(jobs: Sequence[Row], findings: Findings) -> None:
    """Check that no merge of a plan found a change: nothing but the plan writes its profiles."""
    findings.broken.extend(
        f"Job {row['id']} found a change since its plan: {row['reason']}"
        for row in jobs
        if row["outcome"] == "changed_since_plan"
    )


def _audit_cancelled(jobs: Sequence[Row], cancelled: Mapping[UUID, int], findings: Findings) -> None:
    """Check that the jobs that a response called cancelled are."""
    found: defaultdict[UUID, int] = defaultdict(int)
    for row in jobs:
        found[row["batch_id"]] += row["outcome"] == "cancelled"
    findings.doubled.extend(
        f"Batch {batch_id} has {found[batch_id]} cancelled jobs, and a response said {number}."
        for batch_id, number in cancelled.items()
        if found[batch_id] < number
    )


def _audit_limited(jobs: Sequence[Row], run_id: UUID, run: LimitedRun, findings: Findings) -> None:
    """Check that a run was paused if too many of its jobs failed, and that none of its jobs began in the pause."""
    failed = sum(row["outcome"] == REFUSED for row in jobs)
    if run.reason is None:
        if failed > run.limit:
            findings.broken.append(f"Run {run_id} has {failed} failed jobs, and was not paused.")
        return
    said = re.match(r"(\d+) of (\d+) ended jobs", run.reason)
    if said is None or not run.limit < int(said[1]) <= failed or not run.reason.endswith(f"the limit is {run.limit}."):
        findings.broken.append(f"Run {run_id} has {failed} failed jobs, and was paused with the reason {run.reason!r}")
    since, until = run.paused or (None, None)
    findings.broken.extend(
        f"Job {row['id']} began at {row['started_at']}, while its run {run_id} was paused."
        for row in jobs
        # A job that began before may begin again after its worker was killed.
        if since and until and row["started_at"] and row["attempts"] == 1 and since < row["started_at"] < until
    )


def _audit_runs(jobs: Sequence[Row], runs: Mapping[UUID, int], findings: Findings) -> None:
    """Check that a run whose batches the relay creates has no more jobs than its maximum."""
    found: defaultdict[UUID, int] = defaultdict(int)
    for row in jobs:
        if row["run_id"] is not None:
            found[row["run_id"]] += 1
    findings.doubled.extend(
        f"Run {run_id} has {found[run_id]} jobs instead of at most {most}."
        for run_id, most in runs.items()
        if found[run_id] > most
    )
