"""Sums of jobs by minute, from which charts are drawn, so that no page counts a week of jobs.

The relay adds a minute two minutes after its end. A minute without a row had no jobs. The numbers are of that time: a
dead job that is retried later has ended in its minute.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from app.db.citus.work import FINDERS, WorkKind
from app.db.connections import Connection, Pool
from app.db.ids import earliest_id_at
from app.db.queries import load_queries
from app.db.transaction import Deferred, Transaction, open_transaction, run_in_transaction
from app.ledger.throughput import SLACK, LastSum, count_live, count_unfinished, read_last_sum
from schemas.outcomes import JobState

QUERIES = load_queries("app.ledger", "sums.sql")

MINUTE = timedelta(minutes=1)
#: The longest interval that one transaction sums, within an hour of the clock. A relay that was away for days catches
#: up in short transactions.
CHUNK = timedelta(hours=1)
#: How far back the first sums of a workspace go.
HISTORY = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class MinuteSum:
    """The jobs of one minute."""

    begins_at: datetime
    accepted: int
    #: Ended jobs by outcome; "dead" for dead ones.
    ended: Mapping[str, int]
    #: Unfinished jobs at its end.
    unfinished: int


def list_workspaces_to_sum(connection: Connection) -> list[tuple[int, datetime]]:
    """List the workspaces with minutes to sum, and the end of the last one."""
    finder = FINDERS.of(connection)
    if finder is not None:
        (clock,) = connection.execute(QUERIES["find_last_minute"]).fetchall()
        return [(each, clock["until"]) for each in finder.workspaces(connection, WorkKind.MINUTES)]
    return [(row["workspace_id"], row["until"]) for row in connection.execute(QUERIES["workspaces_to_sum"])]


def sum_workspace(pool: Pool, workspace_id: int, *, until: datetime) -> int:
    """Add the missing minutes of a workspace up to *until*; return their number."""
    with open_transaction(pool, workspace_id) as tx:
        last = read_last_sum(tx)
        since, unfinished = _find_start(tx, last, until)
    if last is not None and (hour := _hour_of(last.ends_at - MINUTE)) < _hour_of(since):
        # The workspace became quiet within that hour.
        run_in_transaction(pool, workspace_id, _add_sums, [], hour=hour)
    added = 0
    while since < until:
        hour = _hour_of(since)
        end = min(hour + CHUNK, until)
        with open_transaction(pool, workspace_id, snapshot=True) as tx:
            sums = _sum_minutes(tx, since=since, until=end, unfinished=unfinished, is_last=end == until)
        run_in_transaction(pool, workspace_id, _add_sums, sums, hour=hour if end == hour + CHUNK else None)
        added += len(sums)
        unfinished = sums[-1].unfinished if sums and sums[-1].begins_at + MINUTE == end else 0
        since = end
    return added


def prune_sums(tx: Transaction) -> Deferred[int]:
    """Delete the minutes and hours that no chart shows any more; return the number of minutes."""
    tx.execute(QUERIES["prune_hours"])
    return tx.defer(QUERIES["prune_sums"], read=lambda cursor: cursor.rowcount)


def _hour_of(moment: datetime) -> datetime:
    return moment.replace(minute=0)


def _find_start(tx: Transaction, last: LastSum | None, until: datetime) -> tuple[datetime, int]:
    """Return the start of the first minute to sum, and the jobs that were unfinished then. A quiet time is skipped."""
    if last is not None and last.unfinished:
        return last.ends_at, last.unfinished
    since = until - HISTORY if last is None else last.ends_at
    ids = {"first_id": earliest_id_at(since, less=SLACK)}
    (row,) = tx.execute(QUERIES["find_first_event"], {"since": since, **ids}).fetchall()
    first = until - MINUTE if row["at"] is None else row["at"].replace(second=0, microsecond=0)
    return max(since, min(first, until - MINUTE)), 0


def _sum_minutes(
    tx: Transaction, *, since: datetime, until: datetime, unfinished: int, is_last: bool
) -> list[MinuteSum]:
    """Return the minutes with jobs from *since*, when there were *unfinished* jobs, to *until*.

    In the last interval the unfinished jobs are counted exactly: those of now, and back from there.
    """
    scope = {"since": since, "until": until}
    ended: dict[datetime, Counter[str]] = {}
    for row in tx.execute(QUERIES["count_ended_between"], scope):
        ended.setdefault(row["starts_at"], Counter())[row["outcome"] or JobState.DEAD.value] += row["jobs"]
    ids = {"first_id": earliest_id_at(since, less=SLACK), "last_id": earliest_id_at(until + SLACK)}
    rows = tx.execute(QUERIES["count_accepted_between"], {**scope, **ids})
    accepted = {row["starts_at"]: row["jobs"] for row in rows}
    minutes = [since + nth * MINUTE for nth in range((until - since) // MINUTE)]
    growth = {minute: accepted.get(minute, 0) - sum(ended.get(minute, {}).values()) for minute in minutes}
    if is_last:
        unfinished = _count_unfinished_at(tx, until) - sum(growth.values())
    sums = []
    for minute in minutes:
        unfinished += growth[minute]
        sums.append(
            MinuteSum(
                begins_at=minute,
                accepted=accepted.get(minute, 0),
                ended=ended.get(minute, {}),
                unfinished=max(0, unfinished),
            )
        )
    return [each for each in sums if each.accepted or each.ended or each.unfinished]


def _count_unfinished_at(tx: Transaction, moment: datetime) -> int:
    """Return how many jobs were unfinished at *moment*, a few minutes ago."""
    live = count_live(tx, since=moment, origin=moment, bucket=HISTORY)
    ended = sum(counts.total() for counts in live.settled.values())
    return count_unfinished(tx) + ended - live.accepted.total()


def _add_sums(tx: Transaction, sums: list[MinuteSum], *, hour: datetime | None) -> None:
    """Add minutes, and the *hour* that they end, if they end one."""
    for each in sums:
        values: dict[str, Any] = {"begins_at": each.begins_at, "accepted": each.accepted}
        tx.execute(QUERIES["add_sum"], {**values, "ended": Jsonb(each.ended), "unfinished": each.unfinished})
    if hour is not None:
        tx.execute(QUERIES["add_hour"], {"begins_at": hour})
