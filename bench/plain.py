"""A plain merge: one update, one transaction, a few short statements, the rules of `app.merging`.

The obvious design and the other queues run this code. It uses the product's schema and rules, and writes the same rows.
It lacks sets of updates, lanes, and the second resolution under the locks.
"""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb
from uuid_utils.compat import uuid7

from app.config import Settings
from app.db.connections import Connection, Pool, connection_arguments
from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.merging.changes import list_changes
from app.merging.merge import check_merge, merge_profiles
from app.merging.prioritization import Ambiguous, Candidate, Resolved, prioritize
from app.merging.profile import Profile
from app.profiles.store import profile_from_row, profile_to_row, save_profiles
from schemas.identifiers import Email, ExternalId, Identifier, Phone, UserAlias, from_wire, plain_value, to_wire
from schemas.merge import MergeUpdate
from schemas.outcomes import Outcome

QUERIES = load_queries("bench", "plain.sql")


def insert(
    connection: Connection, *, workspace_id: int, api_key_id: UUID, updates: tuple[MergeUpdate, ...]
) -> tuple[UUID, list[UUID]]:
    """Write a batch and its jobs in the caller's transaction; return their ids."""
    batch_id, job_ids = uuid7(), [uuid7() for _ in updates]
    ids = {"workspace_id": workspace_id, "batch_id": batch_id, "api_key_id": api_key_id}
    connection.execute(QUERIES["insert_batch"], ids)
    jobs = [
        {
            **ids,
            "id": job_id,
            "index": index,
            "orphan": Jsonb(to_wire(update.orphan)),
            "survivor": Jsonb(to_wire(update.survivor)),
            "search_keys": [plain_value(update.orphan), plain_value(update.survivor)],
        }
        for index, (job_id, update) in enumerate(zip(job_ids, updates, strict=True))
    ]
    with connection.cursor() as cursor:
        cursor.executemany(QUERIES["insert_job"], jobs)
    return batch_id, job_ids


def plain_pool(settings: Settings, *, name: str) -> Pool:
    """Return a pool of connections as the user of DATABASE_URL, without row-level security."""
    return Pool(
        settings.database_url,
        connection_class=Connection,
        kwargs=connection_arguments(settings, name=name),
        min_size=1,
        max_size=settings.pool_size,
        name=name,
        open=True,
    )


class Refused(Exception):
    """The update ends without a merge, with this outcome and reason."""

    def __init__(self, outcome: Outcome, reason: str) -> None:
        super().__init__(reason)
        self.outcome = outcome
        self.reason = reason


def run_job(connection: Connection, settings: Settings, *, workspace_id: int, job_id: UUID, task_id: UUID) -> None:
    """Run one job in its own transaction; do nothing if it is finished."""
    ids = {"workspace_id": workspace_id, "id": job_id, "task_id": task_id}
    with connection.transaction():
        job = connection.execute(QUERIES["begin_job"], ids).fetchone()
        if job is None:
            return
        try:
            finished = _settle(connection, settings, ids, job)
        except Refused as refused:
            finished = _finished(refused.outcome, refused.reason)
        connection.execute(QUERIES["finish_job"], ids | finished)


def _settle(connection: Connection, settings: Settings, ids: dict[str, Any], job: dict[str, Any]) -> dict[str, Any]:
    """Resolve, lock, merge and save; return the values of the finished job. Raises Refused."""
    orphan_id = _resolve(connection, ids, "orphan", from_wire(job["orphan_identifier"]))
    survivor_id = _resolve(connection, ids, "survivor", from_wire(job["survivor_identifier"]))
    if orphan_id == survivor_id:
        raise Refused(Outcome.SAME_PROFILE, "Both identifiers name one profile.")
    ids = ids | {"orphan_id": orphan_id, "survivor_id": survivor_id}
    # If one of them was merged away meanwhile, this raises, and the task is retried.
    profiles = {row["id"]: profile_from_row(row) for row in connection.execute(QUERIES["lock_both"], ids)}
    orphan, survivor = profiles[orphan_id], profiles[survivor_id]
    at = datetime.now(UTC)
    refusal = check_merge(survivor=survivor, orphan=orphan, at=at, survivor_limit=settings.survivor_limit)
    if refusal is not None:
        raise Refused(*refusal)
    _save(connection, ids, orphan=orphan, survivor=survivor, at=at)
    reason = f"Profile {orphan.braze_id} was merged into profile {survivor.braze_id} and retired."
    return _finished(Outcome.MERGED, reason, orphan=orphan, survivor=survivor)


def _resolve(connection: Connection, ids: dict[str, Any], role: str, identifier: Identifier) -> int:
    """Return the profile that *identifier* names. Raises Refused unless it names exactly one."""
    query, parameters = _probe(identifier)
    rows = connection.execute(QUERIES[query], ids | parameters).fetchall()
    if not rows and isinstance(identifier, ExternalId):
        gone = connection.execute(QUERIES["find_redirect"], ids | parameters).fetchone()
        if gone is not None and role == "orphan":
            raise Refused(Outcome.ALREADY_MERGED, "The orphan was merged earlier.")
        if gone is not None:
            return int(gone["survivor_id"])
    candidates = [Candidate(row["id"], row["external_id"] is not None, row["updated_at"]) for row in rows]
    found = prioritize(candidates, identifier.prioritization if isinstance(identifier, Email | Phone) else ())
    if isinstance(found, Resolved):
        return found.id
    ending = "ambiguous" if isinstance(found, Ambiguous) else "not_found"
    raise Refused(Outcome(f"{role}_{ending}"), f"No single profile is the {role}.")


def _probe(identifier: Identifier) -> tuple[str, dict[str, str]]:
    """Return the query that finds the profiles of *identifier*, with its values."""
    match identifier:
        case ExternalId(value):
            return "find_by_external_id", {"key": value}
        case UserAlias(label, name):
            return "find_by_alias", {"label": label, "key": name}
        case Email():
            return "find_by_email", {"key": identifier.key}
        case Phone():
            return "find_by_phone", {"key": identifier.key or ""}


def _save(connection: Connection, ids: dict[str, Any], *, orphan: Profile, survivor: Profile, at: datetime) -> None:
    """Write the merged survivor, delete the orphan, move its aliases and history, and write the audit."""
    merged = merge_profiles(survivor=survivor, orphan=orphan, at=at)
    origins = [row["origin_id"] for row in connection.execute(QUERIES["origins_of"], ids)]
    if orphan.user_aliases:
        connection.execute(QUERIES["drop_aliases"], ids)
        connection.execute(QUERIES["move_aliases"], ids)
    connection.execute(QUERIES["repoint_origins"], ids)
    connection.execute(QUERIES["add_origin"], ids)
    connection.execute(QUERIES["retire_orphan"], ids)
    taken = merged.external_id == orphan.external_id
    external_id = None if taken else orphan.external_id
    redirect = {"at": at, "braze_id": orphan.braze_id, "external_id": external_id}
    connection.execute(QUERIES["add_redirect"], ids | redirect)
    save_profiles(Transaction(connection, ids["workspace_id"]), [merged])
    audit = {
        "at": at,
        "orphan_before": Jsonb(profile_to_row(orphan)),
        "survivor_before": Jsonb(profile_to_row(survivor)),
        "origins": [orphan.id, *origins],
        "changes": Jsonb(list_changes(before=survivor, after=merged, orphan=orphan)),
    }
    connection.execute(QUERIES["record_merge"], ids | audit)


def _finished(
    outcome: Outcome, reason: str, *, orphan: Profile | None = None, survivor: Profile | None = None
) -> dict[str, Any]:
    """Return the values of a finished job."""
    return {"outcome": outcome, "reason": reason, **_party("orphan", orphan), **_party("survivor", survivor)}


def _party(role: str, profile: Profile | None) -> dict[str, Any]:
    """Return the values of a finished job about its orphan or survivor."""
    return {
        f"{role}_id": profile and profile.id,
        f"{role}_braze_id": profile and profile.braze_id,
        f"{role}_external_id": profile and profile.external_id,
    }
