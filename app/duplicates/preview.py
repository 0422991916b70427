"""The rehearsal of a run over duplicates: the same walk, each step in a transaction of its own, and nothing is written.

It is not a snapshot: a walk over millions of profiles sees each group as it was when it came by, as a run does.
"""

from collections.abc import Callable, Iterator
from time import monotonic

from app.config import Settings
from app.db.connections import Pool
from app.db.transaction import open_transaction
from app.duplicates.counts import Counts
from app.duplicates.cursor import Position
from app.duplicates.scan import Step, Walk, step
from schemas.keeping import KeepRule

#: Seconds after which counting ends, whether everything was counted or not.
LONGEST_S = 10.0


def steps(pool: Pool, settings: Settings, *, workspace_id: int, rule: KeepRule) -> Iterator[Step]:
    """Yield what a run by *rule* would find, step by step.

    Raises DatabaseUnavailable when PostgreSQL does not answer.
    """
    walk = Walk(rule=rule, refused=settings.refused_identifiers)
    position: Position | None = Position()
    while position is not None:
        with open_transaction(pool, workspace_id) as tx:
            taken = step(tx, walk, position)
        yield taken
        position = taken.position


def count(
    pool: Pool, settings: Settings, *, workspace_id: int, rule: KeepRule, clock: Callable[[], float] = monotonic
) -> tuple[Counts, bool]:
    """Return what a run by *rule* would find, in numbers, and whether that is all of it."""
    counts, until = Counts(), clock() + LONGEST_S
    for taken in steps(pool, settings, workspace_id=workspace_id, rule=rule):
        counts = counts.after(taken)
        if clock() >= until and taken.position is not None:
            return counts, False
    return counts, True
