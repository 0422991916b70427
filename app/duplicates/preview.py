"""The preview of a duplicate run: the same scan, each step in a transaction of its own, and without writes.

It is no snapshot: like a run, it reads each group at a different moment.
"""

from collections.abc import Callable, Iterator
from time import monotonic

from app.config import Settings
from app.db.connections import Pool
from app.db.transaction import open_transaction
from app.duplicates.counts import DuplicateCounts
from app.duplicates.cursor import ScanCursor
from app.duplicates.scan import Scan, ScanStep, next_step
from schemas.keeping import KeepRule

#: Seconds after which counting stops, complete or not.
MAX_COUNT_S = 10.0


def preview_steps(pool: Pool, settings: Settings, *, workspace_id: int, rule: KeepRule) -> Iterator[ScanStep]:
    """Yield the steps of a run by *rule*.

    Raises DatabaseUnavailable when PostgreSQL does not answer.
    """
    scan = Scan(rule=rule, refused=settings.refused_identifiers)
    cursor: ScanCursor | None = ScanCursor()
    while cursor is not None:
        with open_transaction(pool, workspace_id) as tx:
            step = next_step(tx, scan, cursor)
        yield step
        cursor = step.cursor


def count_duplicates(
    pool: Pool, settings: Settings, *, workspace_id: int, rule: KeepRule, clock: Callable[[], float] = monotonic
) -> tuple[DuplicateCounts, bool]:
    """Return the counts of a run by *rule*, and whether they are complete."""
    counts, until = DuplicateCounts(), clock() + MAX_COUNT_S
    for step in preview_steps(pool, settings, workspace_id=workspace_id, rule=rule):
        counts = counts.add_step(step)
        if clock() >= until and step.cursor is not None:
            return counts, False
    return counts, True
