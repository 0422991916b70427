"""Common to the lists of the console: their filters, in the form that the API takes, and the pages around a page."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any
from uuid import UUID

from app.ledger.list_pages import ListCount
from app.web.console.filters import filter_url
from app.web.pagination import cursor_text
from schemas.outcomes import BatchSource, JobKind, JobState, Outcome
from schemas.paging import Order

#: Fields of all lists.
COMMON = ("key", "from", "to", "order", "cursor")
MOMENTS = ("from", "to")
#: What a list can be filtered by, by the name of the field.
CHOICES: Mapping[str, type[StrEnum]] = MappingProxyType(
    {"state": JobState, "outcome": Outcome, "kind": JobKind, "source": BatchSource}
)
#: Fields of a filter that are no condition on an item.
PLACE = ("order", "cursor", "limit")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListView:
    """What the head and the foot of a list show."""

    endpoint: str
    #: The filter as the form shows it, and values of the endpoint's path.
    filters: Mapping[str, str]
    values: Mapping[str, Any]
    next_cursor: UUID | None
    is_cut: bool
    #: None for a list that is not counted.
    count: ListCount | None = None

    @property
    def conditions(self) -> dict[str, str]:
        """The filter without the place of the page."""
        return conditions_of(self.filters)

    @property
    def is_first_page(self) -> bool:
        return "cursor" not in self.filters

    @property
    def is_oldest_first(self) -> bool:
        return self.filters.get("order") == Order.OLDEST

    @property
    def next_url(self) -> str | None:
        """The URL of the next page."""
        if self.next_cursor is None:
            return None
        return self._url(cursor=cursor_text(self.next_cursor))

    @property
    def url(self) -> str:
        """The URL of the first page in this order."""
        return self._url(cursor=None)

    @property
    def same_url(self) -> str:
        """The URL of this page."""
        return self._url()

    @property
    def turned_url(self) -> str:
        """The URL of the list in the other order."""
        return self._url(cursor=None, order=None if self.is_oldest_first else Order.OLDEST)

    @property
    def clear_url(self) -> str:
        return filter_url(self.endpoint, {}, **self.values)

    def count_text(self, one: str, many: str) -> str:
        """Return the number of items in words."""
        if self.count is None:
            return ""
        items = self.count.items
        if self.count.is_exact:
            return f"{items:,} {one if items == 1 else many}"
        return f"More than {items:,} {many}" if items == self.count.most else f"At least {items:,} {many}"

    def _url(self, **changes: Any) -> str:
        return filter_url(self.endpoint, {**self.filters, **changes}, **self.values)


def conditions_of(filters: Mapping[str, str]) -> dict[str, str]:
    """Return *filters* without the place of a page."""
    return {name: value for name, value in filters.items() if name not in PLACE}


def count_of_page(items: int, *, next_cursor: UUID | None, is_cut: bool, is_first: bool) -> ListCount | None:
    """Return the count of a list whose first page is not full, which need not be counted; None for other pages."""
    if not is_first or (next_cursor is not None and not is_cut):
        return None
    return ListCount(items=items, is_exact=not is_cut)


def at_least(count: ListCount, items: int, *, next_cursor: UUID | None) -> ListCount:
    """Return *count* with at least the *items* of a page and one more if there is a next one, unless it is exact."""
    shown = items if next_cursor is None else items + 1
    return count if count.is_exact or count.items >= shown else replace(count, items=shown)


def api_arguments(filters: Mapping[str, str]) -> dict[str, str]:
    """Return *filters* as the API takes them: a time without an offset is in UTC, and a date begins at midnight."""
    return {name: _moment(value) if name in MOMENTS else value for name, value in filters.items()}


def _moment(value: str) -> str:
    """Return *value* with an offset; what is no time stays, for the API to refuse."""
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return value
    return value if moment.tzinfo is not None else moment.replace(tzinfo=UTC).isoformat()
