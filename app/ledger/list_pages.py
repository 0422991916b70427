"""Pages of lists that read a bounded part of an index, and counts of such lists up to a bound."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString, TypeVar
from uuid import UUID

from app.db.queries import load_queries
from app.db.transaction import Transaction

QUERIES = load_queries("app.ledger", "list_pages.sql")

#: The place of the counted query in the query count_items.
NO_QUERY = "SELECT %(workspace_id)s"
#: Items up to which a list is counted.
MAX_COUNT = 10_000

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListCount:
    """The number of items that match; there can be more if it is not exact."""

    items: int
    is_exact: bool
    #: Items up to which the list is counted.
    most: int = MAX_COUNT


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPage:
    """The rows of a page, which have an `id`."""

    rows: list[dict[str, Any]]
    #: Where the next page begins: None after the last one.
    next_cursor: UUID | None
    #: Whether it ended with what a page may read.
    is_cut: bool


def read_page(
    tx: Transaction,
    query: LiteralString,
    end_query: LiteralString | None,
    parameters: Mapping[str, Any],
    *,
    oldest_first: bool,
) -> RowPage:
    """Return a page of *query*, which is written for the newest first and gets one row more than a page has.

    *end_query* returns the last row that the page has read, if it has read as many as it may; None if it reads all.
    """
    rows = tx.execute(in_order(query, oldest_first=oldest_first), parameters).fetchall()
    page = cut_rows(rows, limit=parameters["limit"] - 1)
    if page.next_cursor is not None or end_query is None:
        return page
    end = tx.execute(in_order(end_query, oldest_first=oldest_first), parameters).fetchone()
    return RowPage(rows=rows, next_cursor=None if end is None else end["id"], is_cut=end is not None)


def read_full_page(
    tx: Transaction, query: LiteralString, parameters: Mapping[str, Any], *, oldest_first: bool
) -> RowPage | None:
    """Return a page of *query*, as read_page does; None if the query returns too few rows for a page and a next one."""
    rows = tx.execute(in_order(query, oldest_first=oldest_first), parameters).fetchall()
    page = cut_rows(rows, limit=parameters["limit"] - 1)
    return None if page.next_cursor is None else page


def cut_rows(rows: list[dict[str, Any]], *, limit: int) -> RowPage:
    """Return the page of the first *limit* rows; the next page begins after it if there are more."""
    next_cursor = rows[limit - 1]["id"] if len(rows) > limit else None
    return RowPage(rows=rows[:limit], next_cursor=next_cursor, is_cut=False)


def read_count(tx: Transaction, query: str, end_query: str | None, parameters: Mapping[str, Any]) -> ListCount:
    """Return the number of rows of *query*, up to MAX_COUNT.

    *end_query* returns a row if it may have missed some; None if it reads all.
    """
    (row,) = tx.execute(QUERIES["count_items"].replace(NO_QUERY, query), parameters)
    if row["items"] > MAX_COUNT:
        return ListCount(items=MAX_COUNT, is_exact=False)
    is_exact = end_query is None or tx.execute(end_query, parameters).fetchone() is None
    return ListCount(items=row["items"], is_exact=is_exact)


def end_query(queries: Mapping[str, LiteralString], ends: Mapping[str, str | None], query: str) -> LiteralString | None:
    """Return the end query of the query named *query*, whose name is in *ends*; None if a page of it reads all."""
    name = ends[query]
    return None if name is None else queries[name]


def iterate_pages(
    read: Callable[[int, UUID | None], tuple[Sequence[Item], UUID | None]], *, most: int, chunk: int
) -> Iterator[Sequence[Item]]:
    """Yield up to *most* items of a list, *chunk* at a time.

    *read* gets the items of a page, at most the limit, after the cursor; it returns them and the next cursor.
    """
    cursor: UUID | None = None
    left = most
    while left > 0:
        items, cursor = read(min(chunk, left), cursor)
        yield items
        left -= len(items)
        if cursor is None:
            return


def after_cursor(ids: tuple[UUID, UUID], after: UUID | None, *, oldest_first: bool) -> dict[str, UUID]:
    """Return the bounds `low` and `high` of a page in the range *ids*, after the cursor *after*."""
    low, high = ids
    if after is not None:
        low, high = (max(low, after), high) if oldest_first else (low, min(high, after))
    return {"low": low, "high": high}


def in_order(query: LiteralString, *, oldest_first: bool) -> LiteralString:
    """Return *query*, which is written for the newest first, for either order."""
    return query.replace(" DESC", " ASC") if oldest_first else query
