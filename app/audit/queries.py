"""Reads the audit: pages of entries, or all entries that match a filter, newest first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from app.audit.entries import ACTIONS, AuditEntry, entry_of_event, entry_of_job
from app.db.ids import FIRST_ID, LAST_ID, earliest_id_at, id_after, range_of_ids
from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.ledger.identifier_lists import JobsWithOutcomes, newest_jobs_with_outcomes
from app.ledger.search import search_parameters
from schemas.audit import Action, Place

QUERIES = load_queries(__package__, "audit.sql")

#: More than the time between the id of a batch and the ids of its jobs.
BATCH_CREATION = timedelta(minutes=1)
#: Batches of a key that one query reads.
BATCHES = 50
#: Entries that one query of a complete export reads: with snapshots, usually a few megabytes at most.
CHUNK = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Selects entries; None matches all."""

    action: Action | None = None
    #: The id of the key.
    key: UUID | None = None
    #: A plain value: external_id, alias name, email, phone or braze_id of a profile.
    identifier: str | None = None
    #: The job, and the job that undid it.
    job_id: UUID | None = None
    #: Requested at or after this time, and before the other.
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_by_key(self) -> bool:
        """Whether the key is the only selective filter."""
        return self.key is not None and self.job_id is None and self.identifier is None


def list_entries(
    tx: Transaction,
    *,
    matching: AuditFilter,
    limit: int,
    before: Place | None = None,
    snapshots: bool = False,
) -> list[AuditEntry]:
    """Return up to *limit* matching entries, newest first, after the cursor *before*."""
    parameters = {"limit": limit, **_found_by(matching, before)}
    return read_entries(tx, ids=_find_ids(tx, matching, parameters), snapshots=snapshots)


def iterate_entries(tx: Transaction, *, matching: AuditFilter) -> Iterator[Sequence[AuditEntry]]:
    """Yield all matching entries with their snapshots, newest first, CHUNK at a time."""
    place: Place | None = None
    more = True
    while more:
        entries = list_entries(tx, matching=matching, limit=CHUNK, before=place, snapshots=True)
        yield entries
        more = len(entries) == CHUNK
        place = entries[-1].place if more else None


def _find_ids(tx: Transaction, matching: AuditFilter, parameters: Mapping[str, Any]) -> list[UUID]:
    """Return the ids of a page by the filter that matches the fewest entries."""
    if matching.is_by_key:
        return [entry_id for _, entry_id in _of_key(tx, parameters)]
    if matching.job_id is not None:
        return _ids(tx, "entries_of_job", parameters)
    if matching.identifier is not None:
        return _about(tx, parameters, identifier=matching.identifier)
    return _ids(tx, "newest_entries", parameters)


def _of_key(tx: Transaction, parameters: Mapping[str, Any]) -> list[Place]:
    """Return the cursors of a key's entries, newest first; reads its batches until there are enough."""
    limit = parameters["limit"]
    found = _places(tx, "events_of_key", parameters)
    jobs: list[Place] = []
    # The last batch of the page before may have more entries.
    until = min(parameters["until"], id_after(parameters["requested"]))
    while len(jobs) < limit:
        page = {**parameters, "until": until, "limit": BATCHES}
        batch_ids = [row["id"] for row in tx.execute(QUERIES["batches_of_key"], page)]
        jobs += _places(tx, "entries_of_batches", {**parameters, "batch_ids": batch_ids})
        if len(batch_ids) < BATCHES:
            break
        until = batch_ids[-1]
    return sorted(found + jobs, reverse=True)[:limit]


def _about(tx: Transaction, parameters: Mapping[str, Any], *, identifier: str) -> list[UUID]:
    """Return the ids of the entries about an *identifier*, newest first."""
    found = _ids(tx, "events_about", parameters)
    if parameters["outcomes"]:
        conditions = {name: parameters[name] for name in ("outcomes", "key", "since", "until")}
        jobs = JobsWithOutcomes(identifier=identifier, **conditions)
        found += newest_jobs_with_outcomes(tx, jobs, limit=parameters["limit"])
    return sorted(found, reverse=True)[: parameters["limit"]]


def _ids(tx: Transaction, query: str, parameters: Mapping[str, Any]) -> list[UUID]:
    return [row["id"] for row in tx.execute(QUERIES[query], parameters)]


def _places(tx: Transaction, query: str, parameters: Mapping[str, Any]) -> list[Place]:
    rows = tx.execute(QUERIES[query], parameters)
    return [(row["requested"], row["id"]) for row in rows]


def _found_by(matching: AuditFilter, before: Place | None) -> dict[str, Any]:
    """Return the parameters of the queries that find entries."""
    requested, entry = before or (LAST_ID, LAST_ID)
    since, until = range_of_ids(matching.since, matching.until)
    actions = list(Action) if matching.action is None else [matching.action]
    return {
        "actions": [action.value for action in actions],
        "outcomes": [outcome.value for outcome, action in ACTIONS.items() if action in actions],
        "key": matching.key,
        "job_id": matching.job_id,
        "identifiers": search_parameters(matching.identifier)["identifiers"],
        "since": since,
        "batches_since": FIRST_ID if matching.since is None else earliest_id_at(matching.since, less=BATCH_CREATION),
        # Entries of one key are in the order of batches, all others in the order of entries.
        "until": until if matching.is_by_key else min(until, entry),
        "requested": requested,
        "entry": entry,
    }


def read_entries(tx: Transaction, *, ids: Sequence[UUID], snapshots: bool) -> list[AuditEntry]:
    """Return those of the entries *ids* that exist, in this order.

    The id of a job is that of its entry; a job that changed no profile has none.
    """
    if not ids:
        return []
    parameters = {"ids": ids}
    jobs = tx.execute(QUERIES["read_jobs"], {**parameters, "snapshots": snapshots})
    entries = {row["id"]: entry_of_job(row, with_snapshots=snapshots) for row in jobs if row["outcome"] in ACTIONS}
    events = tx.execute(QUERIES["read_events"], parameters)
    entries |= {row["id"]: entry_of_event(row, with_snapshots=snapshots) for row in events}
    # An entry may have been pruned since its id was found.
    return [entries[each] for each in ids if each in entries]
