"""Reads the identity feed page by page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.errors import LostCursor
from app.ledger.profile_ref import ProfileRef
from schemas.identities import ChangeKind, FeedPlace

QUERIES = load_queries(__package__, "feed.sql")

RELOAD = "Read the survivors of all ids (`GET /survivors`), and then the feed from its `feed_cursor` on."
TOO_OLD = (
    "The cursor is too old: the changes that follow it were deleted, up to number {first}. They are kept for"
    f" MERGELANE_IDENTITY_DAYS. {RELOAD}"
)
OTHER_FEED = (
    "The cursor names change {number}, which this feed does not have: the database was restored from an earlier backup,"
    " or the cursor is of another workspace. Use the cursor of an earlier page, or begin again."
    f" {RELOAD}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityChange:
    """One change: its place in the feed, and the profiles after it."""

    number: int
    entry_id: UUID
    kind: ChangeKind
    at: datetime
    job_id: UUID | None
    undoes: UUID | None
    orphan: ProfileRef | None
    survivor: ProfileRef | None
    former_external_id: str | None

    @property
    def cursor(self) -> FeedPlace:
        """The place behind this change."""
        return FeedPlace(self.number, self.entry_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPage:
    """Changes in the order of their numbers, and the place behind them."""

    changes: Sequence[IdentityChange]
    #: None in a feed without any change.
    next_cursor: FeedPlace | None
    has_more: bool


def read_feed(tx: Transaction, *, after: FeedPlace | None, limit: int) -> FeedPage:
    """Return up to *limit* changes *after* a place, by default from the first one that is kept.

    Raises LostCursor when the changes that follow the place were deleted, or the feed has another change there.
    """
    if after is not None:
        _require_place(tx, after)
    changes = changes_after(tx, number=after.number if after else 0, limit=limit + 1)
    page = changes[:limit]
    return FeedPage(changes=page, next_cursor=page[-1].cursor if page else after, has_more=len(changes) > limit)


def changes_after(tx: Transaction, *, number: int, limit: int) -> list[IdentityChange]:
    """Return up to *limit* changes after the one with *number*."""
    return [change_from_row(row) for row in tx.execute(QUERIES["list_changes"], {"number": number, "limit": limit})]


def read_end(tx: Transaction) -> FeedPlace | None:
    """Return the place behind the last change; None in a feed without any."""
    row = tx.execute(QUERIES["read_end"]).fetchone()
    return None if row is None else FeedPlace(row["number"], row["entry_id"])


def _require_place(tx: Transaction, place: FeedPlace) -> None:
    (row,) = tx.execute(QUERIES["read_place"], {"number": place.number}).fetchall()
    if row["entry_id"] == place.entry_id:
        return
    first = row["first_number"] or row["last_number"] + 1
    if place.number + 1 == first:
        return  # no change after it was deleted
    if place.number < first:
        raise LostCursor(TOO_OLD.format(first=first - 1))
    raise LostCursor(OTHER_FEED.format(number=place.number))


def change_from_row(row: Mapping[str, Any]) -> IdentityChange:
    """Return the change of a table row."""
    return IdentityChange(
        number=row["number"],
        entry_id=row["entry_id"],
        kind=ChangeKind(row["kind"]),
        at=row["at"],
        job_id=row["job_id"],
        undoes=row["undoes"],
        orphan=ProfileRef.from_row(row, "orphan_"),
        survivor=ProfileRef.from_row(row, "survivor_"),
        former_external_id=row["former_external_id"],
    )
