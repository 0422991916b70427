"""Numbers the changes of a workspace after they were committed, one pass at a time.

A pass holds the lock of the workspace's feed, sees one snapshot, and numbers the changes in it that have no number, in
the order of their times. Each time was read while the transaction held the locks of its profiles. So of two changes
that name one profile, the second has the later time, and a pass that sees it sees the first one too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.db.citus.work import WorkKind, find_workspaces_with
from app.db.connections import Connection
from app.db.queries import load_queries
from app.db.transaction import Deferred, Transaction
from app.identities.checkpoints import STEP_BACK, Checkpoint, Pass, advance_checkpoints
from app.identities.feed import IdentityChange, change_from_row

QUERIES = load_queries(__package__, "numbering.sql")

#: Changes that one pass numbers.
CHUNK = 1_000
#: Seconds before the bound of a pass that it reads too, in case PostgreSQL's clock was set back by as much.
LOOK_BACK_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberedChanges:
    """The result of a pass."""

    changes: Sequence[IdentityChange] = ()
    #: Whether the pass saw all changes: none is left in its snapshot.
    complete: bool = False
    #: Whether another transaction had locked the feed, so that there was no pass.
    locked: bool = False


def workspaces_with_changes(connection: Connection) -> list[int]:
    """Return the workspaces that may have changes without a number."""
    return find_workspaces_with(connection, WorkKind.IDENTITIES, QUERIES["workspaces_with_identity_changes"])


def number_changes(tx: Transaction, *, limit: int = CHUNK, look_back_s: float = LOOK_BACK_S) -> NumberedChanges:
    """Number up to *limit* changes. Does nothing while another pass runs."""
    # The clock first: later statements give this transaction its id.
    now = tx.defer_now()
    tx.execute(QUERIES["add_feed"])
    feed = tx.execute(QUERIES["lock_feed"]).fetchone()
    if feed is None:
        return NumberedChanges(locked=True)
    began = now.result()
    parameters = {
        "limit": limit,
        "look_back_s": look_back_s,
        "set_back_to": began - STEP_BACK if began < feed["checked_at"] else None,
    }
    # Before the changes: the next pass finds what becomes visible in between again, and skips what has a number.
    (snapshot,) = tx.execute(QUERIES["read_snapshot"]).fetchall()
    changes = tx.execute(QUERIES["number_changes"], parameters).fetchall()
    complete = len(changes) < limit
    resume_at = None
    if not complete:
        (last,) = tx.execute(QUERIES["written_to"], {"number": feed["last_number"]}).fetchall()
        resume_at = last["written_to"]
    progress = {"changes": len(changes), "resume_at": resume_at}
    tx.execute(QUERIES["advance_feed"], _advanced(feed, snapshot, progress, now=began))
    numbered = sorted(map(change_from_row, changes), key=lambda change: change.number)
    return NumberedChanges(changes=numbered, complete=complete)


def prune_changes(tx: Transaction, *, age: timedelta, limit: int) -> Deferred[int]:
    """Delete up to *limit* changes older than *age*, from the first on; return their number."""
    return tx.defer(QUERIES["prune_changes"], {"age": age, "limit": limit}, read=lambda cursor: cursor.rowcount)


def _advanced(
    feed: Mapping[str, Any], snapshot: Mapping[str, Any], progress: Mapping[str, Any], *, now: datetime
) -> dict[str, Any]:
    """Return the parameters of advance_feed after a pass."""
    checkpoints = advance_checkpoints(
        [Checkpoint(*each) for each in zip(feed["checkpoint_xids"], feed["checkpoint_times"], strict=True)],
        seen=Pass(now=now, xid=feed["xid"], end=snapshot["end"], first_running=snapshot["first_running"]),
        end_before=feed["end"],
        checked_at=feed["checked_at"],
    )
    resume_at = progress["resume_at"]
    horizon = checkpoints[0].at if resume_at is None else min(checkpoints[0].at, resume_at)
    return {
        "changes": progress["changes"],
        "seen": snapshot["seen"],
        "resume_at": resume_at,
        "xids": [each.xid for each in checkpoints],
        "times": [each.at for each in checkpoints],
        "horizon": horizon,
        "look_back_s": LOOK_BACK_S,
        "now": now,
    }
