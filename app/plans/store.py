"""Plans at rest: created, extended page by page, read, listed, discarded and pruned."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from psycopg.types.json import Jsonb

from app.audit.log import Actor
from app.config import Settings
from app.db.connections import Pool
from app.db.ids import new_id
from app.db.queries import load_queries
from app.db.transaction import Deferred, Transaction, Wrapper, run_in_transaction
from app.errors import Conflict, NotFound
from app.plans.audit import log_plan_change
from app.plans.pages import PlanUpdate, preview_page
from schemas.identifiers import Recorded
from schemas.merge import Update
from schemas.outcomes import Outcome
from schemas.plans import LARGEST, PlanState

QUERIES = load_queries("app.plans", "plans.sql")

NO_PLAN = "There is no plan with this id. An open plan is kept for a time and then deleted; plan the pairs again."
APPLIED = "This plan was applied already, by the run {run_id}. Plan the pairs again."
EXTENDED = "Other requests add updates to this plan at the same time; send the pages one after the other."
#: How often a page is previewed again because another request has extended the plan.
TRIES = 3
HOUR_S = 3_600


@dataclass(frozen=True, slots=True, kw_only=True)
class Planner:
    """The API key that planned or applied."""

    id: UUID
    label: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MergePlan:
    """A plan and its summary."""

    id: UUID
    state: PlanState
    created_at: datetime
    expires_at: datetime
    created_by: Planner | None
    #: The number of its updates.
    updates_count: int
    #: Updates by outcome.
    counts: Mapping[str, int]
    #: Merges by the field that they change.
    fields: Mapping[str, int]
    #: The merges with the most changes.
    largest: Sequence[Mapping[str, Any]]
    applied_at: datetime | None
    applied_by: Planner | None
    run_id: UUID | None
    #: The run over duplicates that makes its updates; None for a plan of requests.
    duplicates_run_id: UUID | None
    #: Whether it has all of its updates: that run has ended.
    complete: bool

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "MergePlan":
        """Return the plan of a table row."""
        same = ("id", "created_at", "expires_at", "counts", "fields", "largest", "applied_at", "run_id")
        return cls(
            **{name: row[name] for name in (*same, "duplicates_run_id", "complete")},
            state=PlanState(row["state"]),
            updates_count=row["updates"],
            created_by=_planner(row["api_key_id"], row["key_label"]),
            applied_by=_planner(row["applied_by"], row["applier_label"]),
        )


class PlanExtendedError(Exception):
    """Another request has extended the plan since the page was previewed."""


def create_plan(
    pool: Pool,
    settings: Settings,
    *,
    workspace_id: int,
    updates: Sequence[Update[Recorded]],
    api_key_id: UUID | None,
    wrap: Wrapper,
) -> tuple[MergePlan, list[PlanUpdate]]:
    """Create a plan of *updates*, and return it with them. *wrap* adds to the transaction that stores it."""
    plan_id = new_id()
    page = preview_page(pool, settings, workspace_id=workspace_id, plan_id=plan_id, first=0, updates=updates)

    def store(tx: Transaction) -> tuple[MergePlan, list[PlanUpdate]]:
        insert_plan(tx, settings, plan_id=plan_id, api_key_id=api_key_id)
        return add_page(tx, plan_id, page)

    return run_in_transaction(pool, workspace_id, wrap(store))


def insert_plan(
    tx: Transaction, settings: Settings, *, plan_id: UUID, api_key_id: UUID | None, scan_id: UUID | None = None
) -> None:
    """Insert an open plan without updates; *scan_id* is the run over duplicates that makes them."""
    kept_s = settings.plan_hours * HOUR_S
    row = {"id": plan_id, "kept_s": kept_s, "api_key_id": api_key_id, "scan_id": scan_id}
    tx.execute(QUERIES["insert_plan"], row)


def extend_plan(
    pool: Pool,
    settings: Settings,
    *,
    workspace_id: int,
    plan_id: UUID,
    updates: Sequence[Update[Recorded]],
    wrap: Wrapper,
) -> tuple[MergePlan, list[PlanUpdate]]:
    """Append *updates* to an open plan, and return it with them. Each sees the effects of all before it.

    Raises NotFound, and Conflict when the plan is applied or other requests extend it at the same time.
    """

    def count_earlier(tx: Transaction) -> int:
        return require_open(read_plan(tx, plan_id=plan_id)).updates_count

    for _ in range(TRIES):
        page = preview_page(
            pool, settings, workspace_id=workspace_id, plan_id=plan_id, first=count_earlier, updates=updates
        )

        def store(tx: Transaction, page: Sequence[PlanUpdate] = page) -> tuple[MergePlan, list[PlanUpdate]]:
            return add_page(tx, plan_id, page)

        try:
            return run_in_transaction(pool, workspace_id, wrap(store))
        except PlanExtendedError:
            continue
    raise Conflict(EXTENDED)


def read_plan(tx: Transaction, *, plan_id: UUID) -> MergePlan:
    """Return a plan; raise NotFound when the workspace has none of that id, or it has expired."""
    row = tx.execute(QUERIES["read_plans"], {"ids": [plan_id]}).fetchone()
    if row is None:
        raise NotFound(NO_PLAN)
    return MergePlan.from_row(row)


def list_plans(tx: Transaction, *, limit: int, before: UUID | None = None) -> list[MergePlan]:
    """Return up to *limit* plans, newest first, older than the plan *before*."""
    ids = [row["id"] for row in tx.execute(QUERIES["list_plans"], {"limit": limit, "before": before})]
    return [MergePlan.from_row(row) for row in tx.execute(QUERIES["read_plans"], {"ids": ids})]


def list_updates(
    tx: Transaction, *, plan_id: UUID, first: int, limit: int, outcome: Outcome | None = None
) -> list[PlanUpdate]:
    """Return up to *limit* updates of a plan in order, from the index *first* on, with an *outcome* if it is given."""
    page = {"plan_id": plan_id, "first": first, "limit": limit, "outcome": outcome}
    return [PlanUpdate.from_row(row) for row in tx.execute(QUERIES["list_updates"], page)]


def require_open(plan: MergePlan) -> MergePlan:
    """Return *plan*; raise Conflict when it is applied."""
    if plan.state is not PlanState.OPEN:
        raise Conflict(APPLIED.format(run_id=plan.run_id))
    return plan


def lock_open_plan(tx: Transaction, *, plan_id: UUID) -> Mapping[str, Any]:
    """Lock a plan and return its row; raise NotFound, or Conflict when it is applied."""
    row = tx.execute(QUERIES["lock_plan"], {"id": plan_id}).fetchone()
    if row is None:
        raise NotFound(NO_PLAN)
    if row["state"] != PlanState.OPEN:
        raise Conflict(APPLIED.format(run_id=row["run_id"]))
    return row


def discard_plan(tx: Transaction, *, plan_id: UUID, actor: Actor) -> None:
    """Discard an open plan; raise NotFound, or Conflict when it is applied."""
    lock_open_plan(tx, plan_id=plan_id)
    tx.execute(QUERIES["discard_plan"], {"id": plan_id})
    log_plan_change(tx, plan_id=plan_id, before=PlanState.OPEN, after=PlanState.DISCARDED, actor=actor)


def prune_plans(tx: Transaction, *, limit: int) -> Deferred[int]:
    """Delete up to *limit* updates, and plans without updates, of plans that have expired; return their number."""
    updates = tx.defer(QUERIES["prune_updates"], {"limit": limit}, read=lambda cursor: cursor.rowcount)
    plans = tx.defer(QUERIES["prune_plans"], {"limit": limit}, read=lambda cursor: cursor.rowcount)
    return Deferred(lambda: updates.result() + plans.result())


def add_page(tx: Transaction, plan_id: UUID, page: Sequence[PlanUpdate]) -> tuple[MergePlan, list[PlanUpdate]]:
    """Store *page* and add it to the summary. Raises PlanExtendedError when it does not follow the updates before."""
    row = lock_open_plan(tx, plan_id=plan_id)
    if page:
        if row["updates"] != page[0].index:
            raise PlanExtendedError
        rows = {
            "plan_id": plan_id,
            "rows": Jsonb([each.to_row() for each in page]),
            "changes": [orjson.dumps(each.changes).decode() for each in page],
        }
        tx.execute(QUERIES["insert_updates"], rows)
        tx.execute(QUERIES["save_summary"], {"id": plan_id, **_summary(row, page)})
    return read_plan(tx, plan_id=plan_id), list(page)


def _summary(row: Mapping[str, Any], page: Sequence[PlanUpdate]) -> dict[str, Any]:
    """Return the summary of a plan after *page*."""
    counts = Counter(row["counts"])
    fields = Counter(row["fields"])
    largest = list(row["largest"])
    for each in page:
        counts[each.end.outcome.value] += 1
        fields.update({str(change["field"]).partition(".")[0] for change in each.changes})
        if each.end.orphan and each.end.survivor and each.changes:
            sides = {"orphan": each.end.orphan.braze_id, "survivor": each.end.survivor.braze_id}
            largest.append({"index": each.index, "changes": len(each.changes), **sides})
    largest.sort(key=lambda each: (-each["changes"], each["index"]))
    return {
        "updates": row["updates"] + len(page),
        "counts": Jsonb(dict(sorted(counts.items()))),
        "fields": Jsonb(dict(sorted(fields.items()))),
        "largest": Jsonb(largest[:LARGEST]),
    }


def _planner(key_id: UUID | None, label: str | None) -> Planner | None:
    return None if key_id is None else Planner(id=key_id, label=label)
