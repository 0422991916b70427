"""The preview of a duplicate run as CSV, in the vendor's columns."""

from collections.abc import Iterable, Iterator

from app.csv_output import csv_text
from app.merging.keep_rule import Duplicate, GroupPlan
from schemas.keeping import SharedAddress, Undecided
from schemas.text import safe_cell

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
#: The source of every profile here is a request, which the vendor calls `rest`.
CREATED_FROM = "rest"


def csv_header() -> str:
    """Return the header line."""
    return csv_text([COLUMNS], line_end="\r\n")


def csv_lines(plans: Iterable[GroupPlan], identifier: SharedAddress) -> str:
    """Return the lines of *plans*: for each group the profile to keep, then those to merge, then the others."""
    return csv_text((row for plan in plans for row in _rows(plan, identifier)), line_end="\r\n")


def _rows(plan: GroupPlan, identifier: SharedAddress) -> Iterator[list[str]]:
    if plan.has_keeper and not isinstance(plan.keeper, Undecided):
        yield _row(plan.keeper, identifier, keep=True)
    for orphan in plan.orphans:
        yield _row(orphan, identifier, merge=True)
    for other in (*(duplicate for duplicate, _ in plan.left), *plan.unmerged):
        yield _row(other, identifier)


def _row(duplicate: Duplicate, identifier: SharedAddress, *, keep: bool = False, merge: bool = False) -> list[str]:
    phone = None if duplicate.phone is None else duplicate.phone.number
    named = [_cell(each) for each in (duplicate.email, duplicate.external_id, phone)]
    return [*named, duplicate.braze_id, identifier, CREATED_FROM, _truth(keep), _truth(merge)]


def _cell(text: str | None) -> str:
    return "" if text is None else safe_cell(text)


def _truth(value: bool) -> str:  # noqa: FBT001  it formats a truth value
    return "TRUE" if value else "FALSE"
