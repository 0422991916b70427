"""The rehearsal of a run as a table, in the vendor's columns."""

import csv
import io
import re
from collections.abc import Iterable, Iterator

from app.merging.keeping import Duplicate, Fate
from schemas.keeping import SharedAddress, Undecided
from schemas.text import escape_formula

COLUMNS = (
    "Email Address",
    "External ID",
    "Phone Number",
    "Braze ID",
    "Identifier for rule",
    "Created from",
    "Profile to keep",
    "Profile to merge",
)
#: Every profile here was made by a request, which the vendor calls `rest`.
CREATED_FROM = "rest"
#: A plain phone number begins like a formula and is none.
PHONE = re.compile(r"\+[0-9]+")


def header() -> str:
    """Return the first line."""
    return written([COLUMNS])


def lines(fates: Iterable[Fate], identifier: SharedAddress) -> str:
    """Return the lines of *fates*: of each group the profile to keep first, then those to merge, then the others."""
    return written(row for fate in fates for row in _rows(fate, identifier))


def written(rows: Iterable[Iterable[str]]) -> str:
    """Return *rows* as CSV."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _rows(fate: Fate, identifier: SharedAddress) -> Iterator[list[str]]:
    """Yield the rows of the profiles of *fate*."""
    if fate.has_keeper and not isinstance(fate.keeper, Undecided):
        yield _row(fate.keeper, identifier, keep=True)
    for orphan in fate.orphans:
        yield _row(orphan, identifier, merge=True)
    for other in (*(duplicate for duplicate, _ in fate.left), *fate.unmerged):
        yield _row(other, identifier)


def _row(duplicate: Duplicate, identifier: SharedAddress, *, keep: bool = False, merge: bool = False) -> list[str]:
    """Return the row of *duplicate*."""
    phone = None if duplicate.phone is None else duplicate.phone.number
    named = [_cell(each) for each in (duplicate.email, duplicate.external_id, phone)]
    return [*named, duplicate.braze_id, identifier, CREATED_FROM, _truth(keep), _truth(merge)]


def _cell(text: str | None) -> str:
    """Return *text*, which somebody sent, as a cell that no spreadsheet takes for a formula."""
    if text is None or PHONE.fullmatch(text):
        return text or ""
    return escape_formula(text)


def _truth(value: bool) -> str:  # noqa: FBT001  a truth value is what is told
    """Return *value* as the vendor writes it."""
    return "TRUE" if value else "FALSE"
