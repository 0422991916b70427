"""The audit as it is read: a page of entries, or all that are wanted, newest first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from app.audit.entries import ACTIONS, Entry, of_job, of_noted
from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.ledger.pruning import earliest_id_at
from schemas.audit import Action, Place
from schemas.identifiers import fold_email, phone_key

QUERIES = load_queries(__package__, "audit.sql")

FIRST, LAST = UUID(int=0), UUID(int=2**128 - 1)
#: The ids of a batch's jobs are made right after its own; this is far more than that may take.
MAKING = timedelta(minutes=1)
#: Batches of a key that are looked at together.
BATCHES = 50
#: Entries that are read at once where all are wanted: with images, a few megabytes at the very most usually.
CHUNK = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which entries are wanted; None wants any."""

    action: Action | None = None
    #: The id of the key that asked.
    key: UUID | None = None
    #: A plain value: external_id, alias name, email, phone or braze_id of a profile.
    identifier: str | None = None
    #: The job, and what undid it.
    job_id: UUID | None = None
    #: Asked for from this time on, and before that one.
    since: datetime | None = None
    until: datetime | None = None

    @property
    def query(self) -> str:
        """The way to find them that costs least."""
        if self.job_id is not None:
            return "entries_of_job"
        return "newest_entries" if self.identifier is None else "entries_about"

    @property
    def is_by_key(self) -> bool:
        """Whether they are found by the key alone."""
        return self.key is not None and self.job_id is None and self.identifier is None


def page(
    tx: Transaction,
    *,
    wanted: Wanted,
    limit: int,
    before: Place | None = None,
    images: bool = False,
) -> list[Entry]:
    """Return up to *limit* entries that are *wanted*, newest first, behind the place *before*."""
    parameters = {"limit": limit, **_found_by(wanted, before)}
    if wanted.is_by_key:
        ids = [entry_id for _, entry_id in _of_key(tx, parameters)]
    else:
        # Not prepared: which filters are given decides about the plan.
        ids = [row["id"] for row in tx.execute(QUERIES[wanted.query], parameters, prepare=False)]
    return _read(tx, ids=ids, images=images)


def everything(tx: Transaction, *, wanted: Wanted) -> Iterator[Sequence[Entry]]:
    """Yield all entries that are *wanted*, with their images, newest first, some at a time."""
    place: Place | None = None
    more = True
    while more:
        entries = page(tx, wanted=wanted, limit=CHUNK, before=place, images=True)
        yield entries
        more = len(entries) == CHUNK
        place = entries[-1].place if more else None


def _of_key(tx: Transaction, parameters: Mapping[str, Any]) -> list[Place]:
    """Return the places of what a key asked for, newest first: its batches are walked until there is enough."""
    limit = parameters["limit"]
    found = _places(tx, "noted_of_key", parameters)
    jobs: list[Place] = []
    # The batch in which the page before ended may have more.
    until = min(parameters["until"], _next(parameters["asked"]))
    while len(jobs) < limit:
        walk = {**parameters, "until": until, "limit": BATCHES}
        batch_ids = [row["id"] for row in tx.execute(QUERIES["batches_of_key"], walk, prepare=False)]
        jobs += _places(tx, "entries_of_batches", {**parameters, "batch_ids": batch_ids})
        if len(batch_ids) < BATCHES:
            break
        until = batch_ids[-1]
    return sorted(found + jobs, reverse=True)[:limit]


def _places(tx: Transaction, query: str, parameters: Mapping[str, Any]) -> list[Place]:
    """Return the places that *query* finds."""
    rows = tx.execute(QUERIES[query], parameters, prepare=False)
    return [(row["asked"], row["id"]) for row in rows]


def _next(each: UUID) -> UUID:
    """Return the id that follows *each*, or the last one."""
    return UUID(int=min(each.int + 1, LAST.int))


def _found_by(wanted: Wanted, before: Place | None) -> dict[str, Any]:
    """Return the values by which the entries that are *wanted* are found."""
    asked, entry = before or (LAST, LAST)
    until = LAST if wanted.until is None else _id_at(wanted.until)
    actions = list(Action) if wanted.action is None else [wanted.action]
    identifier = wanted.identifier
    return {
        "actions": [action.value for action in actions],
        "outcomes": [outcome.value for outcome, action in ACTIONS.items() if action in actions],
        "key": wanted.key,
        "job_id": wanted.job_id,
        "identifier": identifier,
        "email_key": identifier and fold_email(identifier),
        "phone_key": identifier and phone_key(identifier),
        "since": FIRST if wanted.since is None else _id_at(wanted.since),
        "batches_since": FIRST if wanted.since is None else _id_at(wanted.since, less=MAKING),
        # What one key did is in the order of its batches; all else is in that of the entries.
        "until": until if wanted.is_by_key else min(until, entry),
        "asked": asked,
        "entry": entry,
    }


def _id_at(moment: datetime, *, less: timedelta = timedelta()) -> UUID:
    """Return the smallest id that could have been made at *moment*, *less* a time; ids begin in 1970."""
    seconds = max(0.0, moment.timestamp() - less.total_seconds())
    return earliest_id_at(datetime.fromtimestamp(seconds, moment.tzinfo))


def _read(tx: Transaction, *, ids: Sequence[UUID], images: bool) -> list[Entry]:
    """Return the entries *ids*, in their order."""
    if not ids:
        return []
    parameters = {"ids": ids}
    jobs = tx.execute(QUERIES["read_jobs"], {**parameters, "images": images})
    entries = {row["id"]: of_job(row, with_images=images) for row in jobs}
    noted = tx.execute(QUERIES["read_noted"], parameters)
    entries |= {row["id"]: of_noted(row, with_images=images) for row in noted}
    # One may have been pruned since it was found.
    return [entries[each] for each in ids if each in entries]
