"""Pagination: a query loads one item more than the page, to know whether there is a next page."""

from collections.abc import Sequence
from typing import Protocol, TypeVar
from uuid import UUID

from schemas.paging import Cursor

CURSOR = Cursor()


class Identified(Protocol):
    """An item of a list; its id is the cursor of the next page."""

    @property
    def id(self) -> UUID:
        """The id; newer items have greater ids."""


Item = TypeVar("Item", bound=Identified)


def split_page(items: Sequence[Item], limit: int) -> tuple[Sequence[Item], UUID | None]:
    """Return the first *limit* of *items*, and the id of the last one if there are more, else None."""
    page = items[:limit]
    return page, page[-1].id if len(items) > limit else None


def cursor_text(cursor: UUID | None) -> str | None:
    """Return *cursor* in the format of a query string; None stays None."""
    if cursor is None:
        return None
    text: str = CURSOR.serialize("cursor", {"cursor": cursor})
    return text
