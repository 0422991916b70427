"""The audit: reads the tables after all jobs have ended, and lists every broken guarantee."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event
from time import monotonic
from typing import Any

from app.db.connections import Connection
from app.db.queries import load_queries
from chaos.families import NOTHING, Member, Sums
from chaos.promises import Promises

QUERIES = load_queries("chaos", "audit.sql")

#: Queries whose result must be empty: every row is an error.
MUST_BE_EMPTY = (
    "orphans_that_live",
    "merged_more_than_once",
    "merges_without_record",
    "records_without_merge",
    "history_without_profile",
    "origins_that_live",
    "redirects_astray",
    "orphans_without_redirect",
    "aliases_without_profile",
)
#: Seconds for which a transaction of the product must be open to be an error: relay and workers open short ones at any
#: time. It is less than MERGELANE_IDLE_TIMEOUT_MS in these tests, after which PostgreSQL would end an idle one.
LASTING_S, LOOK_EVERY_S = 2.0, 0.1

Row = dict[str, Any]
#: Members by the name of their group, which must end as one live profile.
Groups = Mapping[str, Sequence[Member]]
NONE: Groups = {}


@dataclass
class Findings:
    """The result of the audit. All three lists are empty when every guarantee holds."""

    jobs: int = 0
    merged: int = 0
    dead: int = 0
    most_attempts: int = 0
    most_stalled_attempts: int = 0
    #: Accepted jobs without effect, and sums that are too small.
    lost: list[str] = field(default_factory=list)
    #: Effects that happened more than once.
    doubled: list[str] = field(default_factory=list)
    #: Other errors.
    broken: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether every guarantee holds."""
        return not (self.lost or self.doubled or self.broken)


def unsettled(connection: Connection) -> int:
    """Return how many jobs are neither finished nor dead."""
    (row,) = connection.execute(QUERIES["unsettled"]).fetchall()
    jobs: int = row["jobs"]
    return jobs


def audit(connection: Connection, promises: Promises, *, steered: Groups = NONE) -> Findings:
    """Compare the tables with *promises* and return the differences.

    *steered* are the groups that follow from the outcomes of steered jobs.
    """
    findings = Findings()
    _audit_jobs(connection, promises, findings)
    audit_groups(connection, {**promises.groups, **steered}, findings)
    for name in MUST_BE_EMPTY:
        found = [str(row["id"]) for row in connection.execute(QUERIES[name])]
        if found:
            findings.broken.append(f"{name}: {len(found)}, such as {', '.join(found[:5])}")
    findings.broken.extend(f"A transaction stays open: {each}" for each in find_lasting_transactions(connection))
    return findings


def find_lasting_transactions(connection: Connection, *, lasting_s: float = LASTING_S) -> list[str]:
    """Return the transactions of the product that every check finds open during *lasting_s* seconds."""
    ended = monotonic() + lasting_s
    lasting = _open_transactions(connection)
    while lasting and monotonic() < ended:
        Event().wait(LOOK_EVERY_S)
        found = _open_transactions(connection)
        lasting = {key: found[key] for key in lasting.keys() & found.keys()}
    return list(lasting.values())


def _open_transactions(connection: Connection) -> dict[tuple[Any, Any], str]:
    """Return the open transactions by process and start time."""
    # Within a transaction of ours, PostgreSQL would show the same activity again.
    connection.execute(QUERIES["forget_activity"])
    rows = connection.execute(QUERIES["open_transactions"]).fetchall()
    return {(row["pid"], row["xact_start"]): row["id"] for row in rows}


def _audit_jobs(connection: Connection, promises: Promises, findings: Findings) -> None:
    """Check that every accepted job exists and has ended, and that only planted jobs are dead."""
    jobs: defaultdict[Any, list[Row]] = defaultdict(list)
    for row in connection.execute(QUERIES["jobs_of_batches"]):
        jobs[row["batch_id"]].append(row)
        findings.most_attempts = max(findings.most_attempts, row["attempts"])
        findings.most_stalled_attempts = max(findings.most_stalled_attempts, row["stalled_attempts"])
        findings.merged += row["outcome"] == "merged" and row["undone_at"] is None
    for promise in promises.batches:
        rows = jobs.pop(promise.batch_id, [])
        findings.jobs += promise.jobs
        if len(rows) != promise.jobs:
            findings.lost.append(f"Batch {promise.batch_id} has {len(rows)} jobs instead of {promise.jobs}.")
        for row in rows:
            _audit_job(row, must_die=row["index"] == promise.raises_at, findings=findings)
            if promise.outcome not in {None, row["outcome"]}:
                findings.lost.append(f"Job {row['id']} has the outcome {row['outcome']} instead of {promise.outcome}.")
    for batch_id, rows in jobs.items():
        if rows[0]["run_id"] in promises.runs:
            findings.jobs += len(rows)
            continue
        findings.broken.append(f"Batch {batch_id} exists, but no client got a 202 for it.")


def _audit_job(row: Row, *, must_die: bool, findings: Findings) -> None:
    """Check one job."""
    findings.dead += row["state"] == "dead"
    expected = "dead" if must_die else "finished"
    if row["state"] != expected:
        story = f"{row['attempts']} attempts, {row['stalled_attempts']} of them stalled, {row['reason']}"
        findings.lost.append(f"Job {row['id']} is {row['state']} instead of {expected}: {story}")


def audit_groups(connection: Connection, groups: Groups, findings: Findings) -> None:
    """Check that each group is one live profile with the history of all its members, once."""
    members = {row["member"]: row for row in connection.execute(QUERIES["members"])}
    profiles = {row["id"]: row for row in connection.execute(QUERIES["sums_of_profiles"])}
    for name, group in groups.items():
        written = [(member, members[member.name]) for member in group if member.name in members]
        findings.lost.extend(f"{each.name} is gone without a trace." for each in group if each.name not in members)
        for member, row in written:
            _compare(f"The history of {member.name}", actual=_sums(row), expected=member.sums, findings=findings)
        ends = {row["profile_id"] for _, row in written}
        if len(ends) != 1:
            findings.lost.append(f"Group {name} of {len(group)} is {len(ends)} profiles instead of one.")
        for end in ends & profiles.keys():
            here = [member.sums for member, row in written if row["profile_id"] == end]
            _audit_profile(name, profiles[end], here, findings)
    ended = sum(len(group) - 1 for group in groups.values())
    if findings.merged > ended:
        findings.doubled.append(f"{findings.merged} merges for {ended} orphans.")


def _audit_profile(name: str, row: Row, members: Sequence[Sums], findings: Findings) -> None:
    """Check the summaries of one live profile against the sums of its members."""
    expected = sum(members, NOTHING)
    _compare(f"The profile of {name}", actual=_sums(row), expected=expected, findings=findings)
    again = Sums(row["logins"], row["hats"], row["app_sessions"], row["cents"])
    _compare(f"The summaries of {name}", actual=again, expected=expected, findings=findings)


def _sums(row: Row) -> Sums:
    """Return the sums in *row*."""
    return Sums(row["logins"], row["purchases"], row["sessions"], row["cents"])


def _compare(what: str, *, actual: Sums, expected: Sums, findings: Findings) -> None:
    """Add sums that are too small or too large to *findings*."""
    sums: Sequence[Callable[[Sums], int]] = (
        lambda each: each.logins,
        lambda each: each.purchases,
        lambda each: each.sessions,
        lambda each: each.cents,
    )
    if any(each(actual) < each(expected) for each in sums):
        findings.lost.append(f"{what} is {actual} instead of {expected}.")
    if any(each(actual) > each(expected) for each in sums):
        findings.doubled.append(f"{what} is {actual} instead of {expected}.")
