"""Pagination: a query loads one item more than the page, to know whether there is a next page."""

from collections.abc import Sequence
from typing import Protocol, TypeVar
from uuid import UUID


class Identified(Protocol):
    """An item of a list; its id is the cursor of the next page."""

    @property
    def id(self) -> UUID:
        """The id; newer items have greater ids."""


Item = TypeVar("Item", bound=Identified)


def split_page(items: Sequence[Item], limit: int) -> tuple[Sequence[Item], UUID | None]:
    """Return the first *limit* of *items*, and the id of the last one if there are more, else None."""
    shown = items[:limit]
    return shown, shown[-1].id if len(items) > limit else None
