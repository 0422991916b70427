"""The rows of a comparison that fit on one page."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from flask import request

from app.merging.side_by_side import ComparedField
from app.web.console.layout import format_value

#: Parameter of the URL with the number of the first row.
FIRST = "fields_from"
#: Bytes of all rows of a page, and of the markup of one row. The page has a limit of 100 kB.
MAX_BYTES, ROW_BYTES = 60_000, 800
#: Characters of a value on a page; the API returns all of it.
MAX_VALUE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRows:
    """Successive rows of a comparison, the changed ones first."""

    rows: Sequence[ComparedField]
    #: How many rows the comparison has, and how many of them changed.
    total: int
    changed: int
    #: Number of the first row, from 0, and of the first row of the next page; None on the last page.
    first: int
    next_first: int | None

    @property
    def lost(self) -> Sequence[ComparedField]:
        """The rows whose orphan's value the survivor does not keep."""
        return [row for row in self.rows if row.lost is not None]


def rows_of_page(rows: Sequence[ComparedField]) -> FieldRows:
    """Return the rows that fit on the requested page, at least one."""
    given = request.args.get(FIRST, "")
    first = min(int(given), len(rows)) if given.isdecimal() and len(given) < len("1000000") else 0
    end, left = first, MAX_BYTES
    while end < len(rows) and (end == first or left >= _bytes(rows[end])):
        left -= _bytes(rows[end])
        end += 1
    return FieldRows(
        rows=rows[first:end],
        total=len(rows),
        changed=sum(row.changed for row in rows),
        first=first,
        next_first=end if end < len(rows) else None,
    )


def _bytes(row: ComparedField) -> int:
    """Return about how many bytes *row* has on the page: a long value and its differences are there once more."""
    values = (row.field, row.orphan, row.survivor, row.after, row.lost)
    return ROW_BYTES + sum(value_bytes(each) for each in values)


def value_bytes(value: Any) -> int:
    """Return about how many bytes a value has on a page, which cuts it and repeats the beginning of a long one."""
    text = format_value(value)[:MAX_VALUE]
    return len(escape(text).encode()) + (len(text) > MAX_VALUE // 8) * len(escape(text[:200]).encode())
