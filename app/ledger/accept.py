"""The ledger as the front door uses it: a batch and its jobs are durable before the answer leaves."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from psycopg.types.json import Jsonb
from uuid_utils.compat import uuid7

from app.db import Connection, Pool, in_transaction, load_queries
from app.ledger.backlog import Backlogs
from app.ledger.idempotency import IdempotencyKey, first_use
from app.ledger.lanes import lane_heads
from app.logs import request_id
from app.metrics.door import ACCEPTED_JOBS
from app.telemetry.spans import current
from schemas.identifiers import Email, Identifier, Phone, plain_value, sharing_key, to_wire
from schemas.outcomes import JobKind

QUERIES = load_queries("app.ledger", "accept.sql")


class Update(Protocol):
    """What a job is made of: the identifiers of its two sides."""

    @property
    def orphan(self) -> Identifier:
        """What names the profile that goes."""

    @property
    def survivor(self) -> Identifier:
        """What names the profile that stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A batch that is durable; *replayed* when an earlier request with the same Idempotency-Key made it so."""

    batch_id: UUID
    replayed: bool = False
    #: How many jobs it was given now.
    jobs: int = 0


def accept(  # noqa: PLR0913  one request has as many sides
    pool: Pool,
    *,
    workspace_id: int,
    api_key_id: UUID,
    path: str,
    kind: JobKind,
    updates: Sequence[Update],
    places: Sequence[int] | None = None,
    idempotency: IdempotencyKey | None = None,
    backlogs: Backlogs,
) -> Accepted:
    """Return the batch that *updates* became, one job for each, in their order; durable when this returns.

    *places* are their places in the request, ascending, where not all of its objects became updates.

    Raises Conflict when the Idempotency-Key stands in the way, DatabaseUnavailable when PostgreSQL does not answer, and
    Overloaded when too many of the workspace's jobs wait; what was accepted before is found again all the same.
    """
    # Ids are made here, once: they sort by the time of their making, and a repeated transaction uses them again.
    batch_id = uuid7()
    batch = {
        "workspace_id": workspace_id,
        "batch_id": batch_id,
        "api_key_id": api_key_id,
        "path": path,
        "kind": kind,
        **origin(),
        "jobs": Jsonb(_jobs(updates, range(len(updates)) if places is None else places)),
    }

    def work(connection: Connection) -> Accepted:
        if idempotency is not None:
            earlier = first_use(connection, idempotency, workspace_id=workspace_id, path=path, batch_id=batch_id)
            if earlier is not None:
                return Accepted(batch_id=earlier, replayed=True)
        backlogs.require_room(connection, workspace_id=workspace_id)
        connection.execute(QUERIES["insert_batch"], batch)
        return Accepted(batch_id=batch_id, jobs=len(updates))

    accepted = in_transaction(pool, work, workspace_id=workspace_id)
    if not accepted.replayed:
        backlogs.accepted(workspace_id=workspace_id, jobs=accepted.jobs)
        ACCEPTED_JOBS.add(accepted.jobs, kind)
    return accepted


def origin() -> dict[str, str | None]:
    """Return what a batch keeps of the request that makes it: its id, and where its trace goes on."""
    return {"request_id": request_id.get() or None, "traceparent": current.get() or None}


def _jobs(updates: Sequence[Update], places: Sequence[int]) -> list[dict[str, Any]]:
    """Return the rows of the jobs that *updates*, at *places* of the request, become."""
    lanes = lane_heads([(sharing_key(update.orphan), sharing_key(update.survivor)) for update in updates])
    return [
        {
            "id": str(uuid7()),
            "index": places[nth],
            "lane": places[lane],
            "orphan": to_wire(update.orphan),
            "survivor": to_wire(update.survivor),
            "search_keys": list(dict.fromkeys((*_search_keys(update.orphan), *_search_keys(update.survivor)))),
        }
        for nth, (update, lane) in enumerate(zip(updates, lanes, strict=True))
    ]


def _search_keys(identifier: Identifier) -> tuple[str, ...]:
    """Return the forms in which operators may look for *identifier*: those in which it compares, and as it was sent."""
    value = plain_value(identifier)
    return (value, identifier.key) if isinstance(identifier, Email | Phone) else (value,)
