"""Planned runs over duplicates: each step adds a page of merges to a plan, and nothing is merged.

A page is previewed without a lock on the run. The page, the counts and the cursor of the next step are then saved in
one transaction if no other relay has taken the step.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from psycopg.types.json import Jsonb

from app.config import Settings
from app.db.connections import Pool
from app.db.transaction import Transaction, open_transaction, run_in_transaction
from app.duplicates.counts import DuplicateCounts
from app.duplicates.cursor import ScanCursor
from app.duplicates.pairs import list_pairs
from app.duplicates.policy import rule_from_row
from app.duplicates.runs import QUERIES, planned_cursor
from app.duplicates.scan import Scan, ScanStep, no_standby, read_step
from app.errors import Conflict, NotFound
from app.plans.pages import PlanUpdate, preview_page
from app.plans.store import PlanExtendedError, add_page
from schemas.merge import MAX_UPDATES

#: Index entries of a step. Its profiles fit into one page of a plan.
ENTRIES = 2_000


def plan_step(
    pool: Pool, settings: Settings, *, workspace_id: int, find_standby: Callable[[], Pool | None] = no_standby
) -> bool:
    """Take a step of the planned run of a workspace; return whether there was one.

    The step is read as in read_step, and previewed in *pool*. A run whose plan was discarded or has expired is
    cancelled. Raises as preview_page.
    """
    with open_transaction(pool, workspace_id) as tx:
        row = tx.execute(QUERIES["read_planned_run"]).fetchone()
        if row is None:
            return False
        if row["first"] is None:
            tx.execute(QUERIES["cancel_run"], {"id": row["id"]})
            return True
        rule = rule_from_row(row)
        scan = Scan(rule=rule, refused=settings.refused_identifiers, entries=ENTRIES, members=MAX_UPDATES)
        step = read_step(tx, scan, ScanCursor.from_json(row["cursor"]["planned"]), find_standby)
    pairs = [pair for group in step.plans for pair in list_pairs(group, by=rule.identifier)]
    page = preview_page(
        pool, settings, workspace_id=workspace_id, plan_id=row["plan_id"], first=row["first"], updates=pairs
    )
    try:
        return run_in_transaction(pool, workspace_id, _save_step, row, step, page)
    except (PlanExtendedError, Conflict, NotFound):
        # A request has extended, applied or discarded the plan: the next step sees that.
        return True


def _save_step(tx: Transaction, row: Mapping[str, Any], step: ScanStep, page: Sequence[PlanUpdate]) -> bool:
    """Save a step, unless the run has ended or another relay has taken the step; return whether it was saved."""
    locked = tx.execute(QUERIES["lock_planned_run"], {"id": row["id"], "cursor": Jsonb(row["cursor"])}).fetchone()
    if locked is None:
        return False
    add_page(tx, row["plan_id"], page)
    counts = DuplicateCounts.from_json(row["counts"]).add_step(step)
    parameters = {
        "id": row["id"],
        "cursor": Jsonb({} if step.cursor is None else planned_cursor(step.cursor.to_json())),
        "counts": Jsonb(counts.to_json()),
        "finished": step.cursor is None,
    }
    tx.execute(QUERIES["save_run"], parameters)
    return True
