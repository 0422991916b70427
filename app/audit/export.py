"""The audit as a file: JSON Lines, or CSV that no spreadsheet takes for formulas."""

import csv
from collections.abc import Iterable, Mapping
from io import StringIO
from typing import Any

import orjson

from app.audit.entries import Entry
from schemas.audit import Form, FullAuditEntrySchema
from schemas.text import escape_formula

ENTRY = FullAuditEntrySchema()
#: Members that have columns of their own.
PARTS: Mapping[str, tuple[str, ...]] = {
    "key": ("id", "label"),
    "orphan": ("braze_id", "external_id"),
    "survivor": ("braze_id", "external_id"),
    "profile": ("braze_id", "external_id"),
}
COLUMNS = tuple(
    column
    for name in ENTRY.fields
    for column in ([f"{name}_{part}" for part in PARTS[name]] if name in PARTS else [name])
)


def header(form: Form) -> bytes:
    """Return how the file begins."""
    return _csv([COLUMNS]) if form is Form.CSV else b""


def lines(entries: Iterable[Entry], form: Form) -> bytes:
    """Return the lines of *entries*; in CSV, what is no text stands as JSON."""
    shown = ENTRY.dump(entries, many=True)
    if form is Form.CSV:
        return _csv(map(_cells, shown))
    return b"".join(orjson.dumps(each, option=orjson.OPT_APPEND_NEWLINE) for each in shown)


def _cells(shown: Mapping[str, Any]) -> list[str]:
    """Return the cells of one entry."""
    cells: list[str] = []
    for name, value in shown.items():
        parts = [(value or {}).get(part) for part in PARTS[name]] if name in PARTS else [value]
        cells.extend(escape_formula(_text(part)) for part in parts)
    return cells


def _text(value: Any) -> str:
    """Return *value* as the text of a cell."""
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _csv(rows: Iterable[Iterable[str]]) -> bytes:
    """Return *rows* as CSV in UTF-8."""
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
