"""The history of a profile, item by item and newest first, with that of all profiles merged into it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.profiles.lookup import raise_missing_profile
from schemas.history_pages import HistoryKind, HistoryPlace
from schemas.paging import MAX_ID

LOOKUP = load_queries("app.profiles", "lookup.sql")
QUERIES = load_queries("app.profiles", "history_pages.sql")

#: The query of each kind, in the order of items with the same time.
QUERY_OF_KIND = {
    HistoryKind.EVENT: "newest_events",
    HistoryKind.PURCHASE: "newest_purchases",
    HistoryKind.SESSION: "newest_sessions",
    HistoryKind.ENGAGEMENT: "newest_engagements",
}
KINDS = tuple(QUERY_OF_KIND)
EARLIEST = datetime.min.replace(tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)

Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryFilter:
    """Selects items of these *kinds*, at *since* or later and before *until*."""

    kinds: Collection[HistoryKind] = KINDS
    since: datetime = EARLIEST
    until: datetime = LATEST


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPage:
    """A page of a history, newest first."""

    items: list[Item]
    #: The place of the last item when there are more, else None.
    next_after: HistoryPlace | None


def read_history(
    tx: Transaction, *, braze_id: str, matching: HistoryFilter, after: HistoryPlace | None, limit: int
) -> HistoryPage:
    """Return the first *limit* items of the live profile with *braze_id* that come after the place *after*.

    The order is total: newest first, then by kind, then by id, the greatest first. An item keeps its place, so pages
    neither repeat nor skip it when others are recorded in between. Needs a snapshot, or a merge between two statements
    could hide items. Raises Gone and NotFound.
    """
    found = tx.execute(LOOKUP["find_live_profile"], {"braze_id": braze_id}).fetchone()
    if found is None:
        raise_missing_profile(tx, braze_id=braze_id)
    items: list[Item] = []
    for kind in matching.kinds:
        before, before_id = _end_of_kind(kind, after, matching.until)
        parameters = {
            "profile_id": found["id"],
            "since": matching.since,
            "before": before,
            "before_id": before_id,
            "limit": limit + 1,
        }
        items += ({"kind": kind, **row} for row in tx.execute(QUERIES[QUERY_OF_KIND[kind]], parameters))
    items.sort(key=_sort_key, reverse=True)
    page = items[:limit]
    return HistoryPage(items=page, next_after=_place_of(page[-1]) if len(items) > limit else None)


def _end_of_kind(kind: HistoryKind, after: HistoryPlace | None, until: datetime) -> tuple[datetime, int]:
    """Return the time and the id before which the items of *kind* come: after the place *after*, and before *until*.

    At the time of *after* itself, the kinds before its kind are on earlier pages, and those after it are not.
    """
    if after is None or after.time >= until:
        return until, 0
    if kind is after.kind:
        return after.time, after.id
    return after.time, 0 if KINDS.index(kind) < KINDS.index(after.kind) else MAX_ID


def _sort_key(item: Item) -> tuple[datetime, int, int]:
    """Return the sort key of *item*; a greater one comes first."""
    return item["time"], -KINDS.index(item["kind"]), item["id"]


def _place_of(item: Item) -> HistoryPlace:
    return HistoryPlace(time=item["time"], kind=item["kind"], id=item["id"])
