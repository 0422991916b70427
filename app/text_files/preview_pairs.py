"""Pairs from the CSV of `mergelane duplicates preview`, from which a person may have removed lines.

A group has a line for the profile to keep and one for each profile to merge. Requests name no profile by braze_id, so a
profile without an external_id is named by its address, if it is the only one of its group without one.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from app.text_files.files import FileError
from app.text_files.lines import Record
from app.text_files.merge_columns import SIDES
from app.text_files.merge_pairs import FilePair, Json, check_update
from schemas.identifiers import Email, Phone, sharing_key
from schemas.priorities import Priority
from schemas.text import quoted, read_safe_cell

EMAIL, EXTERNAL_ID, PHONE, RULE = "Email Address", "External ID", "Phone Number", "Identifier for rule"
KEEP, MERGE = "Profile to keep", "Profile to merge"
PREVIEW_COLUMNS = (EMAIL, EXTERNAL_ID, PHONE, RULE, KEEP, MERGE)
ADDRESSES = {"email": EMAIL, "phone": PHONE}
TRUTHS = {"true": True, "false": False}

MISSING = "{file} looks like a preview of duplicates and has no column '{name}'. Do not remove or rename its columns."
NO_TRUTH = "The cell in column '{name}' is neither TRUE nor FALSE."
NO_RULE = "The cell in column 'Identifier for rule' is neither email nor phone."
NO_KEEPER = (
    "No line of its group has TRUE in the column 'Profile to keep'. Keep that line, and the lines of a group together."
)
TWO_KEEPERS = "Several lines of its group have TRUE in the column 'Profile to keep'. Leave it in one of them."
UNNAMED = (
    "{which} has no external_id, and other profiles with its address have none either, so that a request cannot name"
    " it. Plan the merges of duplicates instead: mergelane duplicates run --plan."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One line of a preview."""

    record: Record
    cells: Json
    fault: str | None = None
    #: The column of the address that its group shares, and the key of the address.
    kind: str = ""
    key: tuple[str, ...] = ()
    keep: bool = False
    merge: bool = False


def is_preview(names: Sequence[str]) -> bool:
    """Return whether a file with the columns *names* is a preview of duplicates."""
    return {KEEP, MERGE} <= set(names)


def check_preview_columns(names: Sequence[str], file: str) -> None:
    """Raise FileError when a column of a preview is missing."""
    missing = [name for name in PREVIEW_COLUMNS if name not in names]
    if missing:
        raise FileError(MISSING.format(file=file, name=quoted(missing[0])))


def parse_preview(records: Iterable[Record]) -> Iterator[FilePair]:
    """Yield a pair for each line of *records* with a profile to merge, and for each line with a fault."""
    for _, rows in groupby(map(_read_row, records), key=lambda row: row.key):
        yield from _pairs_of_group(list(rows))


def _read_row(record: Record) -> _Row:
    if record.fault is not None:
        return _Row(record=record, cells={}, fault=record.fault)
    cells = {name: read_safe_cell(cell) for name, cell in record.value.items()}
    kind = cells[RULE].strip().lower()
    if kind not in ADDRESSES:
        return _Row(record=record, cells=cells, fault=NO_RULE)
    truths = {name: TRUTHS.get(cells[name].strip().lower()) for name in (KEEP, MERGE)}
    for name, truth in truths.items():
        if truth is None:
            return _Row(record=record, cells=cells, fault=NO_TRUTH.format(name=name))
    address = cells[ADDRESSES[kind]]
    key = sharing_key(Email(address) if kind == "email" else Phone(address))
    return _Row(record=record, cells=cells, kind=kind, key=key, keep=bool(truths[KEEP]), merge=bool(truths[MERGE]))


def _pairs_of_group(rows: Sequence[_Row]) -> Iterator[FilePair]:
    """Yield the pairs of the lines of one address, in their order."""
    keepers = [row for row in rows if row.keep]
    unnamed = sum(not row.cells.get(EXTERNAL_ID) for row in rows)
    for row in rows:
        if row.fault is not None:
            yield _pair(row, {}, row.fault)
        elif row.merge and len(keepers) != 1:
            yield _pair(row, {}, TWO_KEEPERS if keepers else NO_KEEPER)
        elif row.merge:
            yield _named_pair(row, keepers[0], unnamed)


def _named_pair(row: _Row, keeper: _Row, unnamed: int) -> FilePair:
    update: Json = {}
    for side, role, which in ((row, "merge", "The profile to merge"), (keeper, "keep", "The profile to keep")):
        if not side.cells[EXTERNAL_ID] and unnamed > 1:
            return _pair(row, update, UNNAMED.format(which=which))
        update[SIDES[role]] = _identifier(side)
    return _pair(row, update, None)


def _identifier(row: _Row) -> dict[str, Any]:
    if row.cells[EXTERNAL_ID]:
        return {"external_id": row.cells[EXTERNAL_ID]}
    return {row.kind: row.cells[ADDRESSES[row.kind]], "prioritization": [Priority.UNIDENTIFIED.value]}


def _pair(row: _Row, update: Json, fault: str | None) -> FilePair:
    keys: frozenset[tuple[str, ...]] = frozenset()
    if fault is None:
        fault, keys = check_update(update)
    return FilePair(
        line=row.record.line,
        update=update,
        fault=fault,
        sharing_keys=keys | {row.key} if keys else keys,
        end=row.record.end,
        text=row.record.text,
    )
