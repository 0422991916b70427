"""Erasures in steps: short transactions delete the rest of deleted people, and the audit gets a certificate.

A deletion request erases the person at once: the profile, its names, its jobs and a short history. A long history is
hidden then, since only a profile leads to it. An erasure is in one of three states, in this order:

- history: events, purchases, sessions and engagements are deleted, a number of rows in each transaction.
- jobs: jobs that named the person and had not ended are blanked when they end without finding a profile.
- statistics: PostgreSQL's statistics contain values of deleted rows until they are replaced.

Each step stores its progress with its effect, so an interrupted erasure resumes there.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from app.audit.log import Actor, AuditEvent, log_events
from app.db.citus.work import WorkKind, find_workspaces_with
from app.db.connections import Connection
from app.db.ids import new_id
from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.errors import DatabaseUnavailable
from app.ledger import erasure
from app.ledger.erasure import UnfinishedJob
from schemas.audit import Action

QUERIES = load_queries("app.users", "erasures.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryKind:
    """A kind of history: its name in certificates, and the names of its queries."""

    name: str
    delete_all: str
    last_of_next: str
    delete_next: str
    delete_rest: str
    #: The key before all keys of an origin, as text.
    first: Sequence[str] = ("", "-infinity", "0")


KINDS = (
    HistoryKind(
        name="events",
        delete_all="delete_all_events",
        last_of_next="last_of_next_events",
        delete_next="delete_next_events",
        delete_rest="delete_rest_of_events",
    ),
    HistoryKind(
        name="purchases",
        delete_all="delete_all_purchases",
        last_of_next="last_of_next_purchases",
        delete_next="delete_next_purchases",
        delete_rest="delete_rest_of_purchases",
    ),
    HistoryKind(
        name="sessions",
        delete_all="delete_all_sessions",
        last_of_next="last_of_next_sessions",
        delete_next="delete_next_sessions",
        delete_rest="delete_rest_of_sessions",
    ),
    HistoryKind(
        name="engagements",
        delete_all="delete_all_engagements",
        last_of_next="last_of_next_engagements",
        delete_next="delete_next_engagements",
        delete_rest="delete_rest_of_engagements",
        first=("", "", "-infinity", "0"),
    ),
)
#: Origins and kinds whose history one step looks at; most profiles have a short one.
MAX_SERIES = 400
#: Erasures in one state that a step handles.
MAX_ERASURES = 100
STATISTICS_LEFT = "{failed} shards of {table} kept their statistics; the erasures are certified when all nodes answer."
#: The tables with values of people in their statistics.
TABLES = (
    "profile",
    "user_alias",
    "redirect",
    "deprecated_external_id",
    "former_name",
    "key_change",
    "custom_event",
    "purchase",
    "session",
    "engagement",
    "job",
    "merge_record",
    "undo_record",
    "audit_entry",
    "duplicate_exclusion",
    "push_token_report",
    "identity_change",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remainder:
    """The data of a deleted person that the relay has to erase, and the numbers of rows that are erased, by table."""

    braze_id: str
    #: Empty when the history is deleted.
    origin_ids: Sequence[int]
    jobs: Collection[UnfinishedJob]
    counts: Mapping[str, int]


@dataclass(slots=True)
class Cursor:
    """The place in the history of an erased person before which everything is deleted."""

    #: Index of the origin, and of its kind.
    origin: int = 0
    kind: int = 0
    #: Key of the last deleted row as text; empty for none.
    after: Sequence[str] = ()

    def skip_to_next_kind(self) -> None:
        """Move behind all rows of the kind."""
        self.after = ()
        self.kind += 1
        if self.kind == len(KINDS):
            self.origin, self.kind = self.origin + 1, 0


def add_erasures(tx: Transaction, *, actor: Actor, remainders: Collection[Remainder]) -> None:
    """Leave *remainders* to the relay, which deletes them and then adds the certificates of *actor* to the audit."""
    for each in remainders:
        row = {
            "id": new_id(),
            "braze_id": each.braze_id,
            "state": _next_state(history=bool(each.origin_ids), jobs=bool(each.jobs)),
            "origin_ids": list(each.origin_ids),
            "jobs": Jsonb([_job_row(job) for job in each.jobs]),
            "counts": Jsonb(each.counts),
        }
        tx.execute(QUERIES["add_erasure"], {**asdict(actor), **row})


def delete_short_history(tx: Transaction, *, origin_ids: Sequence[int], limit: int) -> dict[str, int] | None:
    """Delete the history under *origin_ids* and return the rows by kind; None if it has more than *limit* rows."""
    (row,) = tx.execute(QUERIES["count_history"], {"origin_ids": origin_ids, "limit": limit + 1})
    if row["rows"] > limit:
        return None
    parameters = {"origin_ids": origin_ids}
    return {kind.name: _delete(tx, kind.delete_all, parameters) for kind in KINDS}


def list_workspaces_with_erasures(connection: Connection) -> list[int]:
    """Return the workspaces with erasures that are not complete."""
    return find_workspaces_with(connection, WorkKind.ERASURES, QUERIES["workspaces_with_erasures"])


def delete_history_chunk(tx: Transaction, *, limit: int) -> int:
    """Delete up to *limit* rows of the oldest erasure with a history; return 1, or 0 when there is none."""
    row = tx.execute(QUERIES["claim_erasures"], {"state": "history", "limit": 1}).fetchone()
    if row is None:
        return 0
    cursor = Cursor(**row["cursor"])
    counts: Counter[str] = Counter(row["counts"])
    origin_ids = row["origin_ids"]
    for _ in range(MAX_SERIES):
        if limit <= 0 or cursor.origin >= len(origin_ids):
            break
        kind = KINDS[cursor.kind]
        deleted = _delete_rows(tx, cursor, kind=kind, origin_id=origin_ids[cursor.origin], limit=limit)
        counts[kind.name] += deleted
        limit -= deleted
    is_left = cursor.origin < len(origin_ids)
    state = _next_state(history=is_left, jobs=bool(row["jobs"]))
    _save(tx, row, state=state, cursor=asdict(cursor), counts=counts)
    return 1


def blank_ended_jobs(tx: Transaction) -> int:
    """Blank jobs that named erased people and have ended since; return the number of erasures that made progress."""
    progress = 0
    for row in tx.execute(QUERIES["claim_erasures"], {"state": "jobs", "limit": MAX_ERASURES}).fetchall():
        jobs = [UnfinishedJob(id=UUID(each["id"]), role=each["role"]) for each in row["jobs"]]
        ended = erasure.ended_jobs(tx, jobs=jobs)
        if not ended:
            continue
        nameless = {job.id for job, found_none in ended.items() if found_none}
        erasure.blank_jobs(tx, job_ids=nameless)
        left = [_job_row(job) for job in jobs if job not in ended]
        counts = Counter(row["counts"]) + Counter(jobs=len(nameless))
        _save(tx, row, state=_next_state(history=False, jobs=bool(left)), jobs=left, counts=counts)
        progress += 1
    return progress


def list_emptied(tx: Transaction) -> list[UUID]:
    """Return erasures that wait for new statistics only."""
    return [row["id"] for row in tx.execute(QUERIES["list_emptied_erasures"], {"limit": MAX_ERASURES})]


def renew_statistics(connection: Connection) -> None:
    """Replace the statistics of all tables with values of people, each in a transaction of its own.

    To be called after the transactions that deleted the values have ended. On Citus each shard has its own. Raises
    DatabaseUnavailable while a node is away: no erasure is certified then.
    """
    for table in TABLES:
        if not connection.is_distributed:
            connection.execute(QUERIES["renew_statistics"], {"table": table})
            continue
        (answer,) = connection.execute(QUERIES["renew_statistics_on_nodes"], {"table": table}).fetchall()
        if answer["failed"]:
            raise DatabaseUnavailable(STATISTICS_LEFT.format(table=table, failed=answer["failed"]))


def certify(tx: Transaction, *, erasure_ids: Sequence[UUID]) -> int:
    """Replace complete erasures by their certificates in the audit; return their number."""
    rows = tx.execute(QUERIES["end_erasures"], {"ids": erasure_ids}).fetchall()
    for row in rows:
        actor = Actor(api_key_id=row["api_key_id"], request_id=row["request_id"], path=row["path"])
        changes = [
            {"field": name, "before": rows_of_table, "after": 0, "rule": None}
            for name, rows_of_table in sorted(row["counts"].items())
        ]
        log_events(
            tx, action=Action.ERASURE, actor=actor, events=[AuditEvent(braze_id=row["braze_id"], changes=changes)]
        )
    return len(rows)


def _delete_rows(tx: Transaction, cursor: Cursor, *, kind: HistoryKind, origin_id: int, limit: int) -> int:
    """Delete up to *limit* rows of *kind* after *cursor*, which moves on; return their number.

    The rows are a range of the primary key, so that no step reads the dead rows of the steps before it.
    """
    place = {"origin_id": origin_id, "after": list(cursor.after or kind.first)}
    found = tx.execute(QUERIES[kind.last_of_next], {**place, "skipped": limit - 1}).fetchone()
    if found is None:
        cursor.skip_to_next_kind()
        return _delete(tx, kind.delete_rest, place)
    cursor.after = found["last"]
    return _delete(tx, kind.delete_next, {**place, "last": found["last"]})


def _delete(tx: Transaction, query: str, parameters: Mapping[str, Any]) -> int:
    (row,) = tx.execute(QUERIES[query], parameters)
    rows: int = row["rows"]
    return rows


def _next_state(*, history: bool, jobs: bool) -> str:
    if history:
        return "history"
    return "jobs" if jobs else "statistics"


def _job_row(job: UnfinishedJob) -> dict[str, str]:
    return {"id": str(job.id), "role": job.role}


def _save(tx: Transaction, row: Mapping[str, Any], **changed: Any) -> None:
    progress = {name: row[name] for name in ("cursor", "jobs", "counts")} | changed
    documents = {name: Jsonb(progress[name]) for name in ("cursor", "jobs", "counts")}
    tx.execute(QUERIES["save_erasure"], {"id": row["id"], "state": progress["state"], **documents})
