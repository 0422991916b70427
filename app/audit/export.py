"""The audit as a file: JSON Lines, or CSV without formulas; neither has control characters."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from app.audit.entries import AuditEntry
from app.csv_output import csv_text
from schemas.audit import Form, FullAuditEntrySchema
from schemas.json_values import dump_printable
from schemas.text import safe_cell

ENTRY = FullAuditEntrySchema()
#: Members that have columns of their own.
PARTS: Mapping[str, tuple[str, ...]] = {
    "key": ("id", "label"),
    "orphan": ("braze_id", "external_id"),
    "survivor": ("braze_id", "external_id"),
    "profile": ("braze_id", "external_id"),
    "source": ("braze_id", "external_id"),
}
COLUMNS = tuple(
    column
    for name in ENTRY.fields
    for column in ([f"{name}_{part}" for part in PARTS[name]] if name in PARTS else [name])
)


def export_header(form: Form) -> bytes:
    """Return the start of the file: the header line of CSV, else nothing."""
    return csv_text([COLUMNS]).encode() if form is Form.CSV else b""


def export_lines(entries: Iterable[AuditEntry], form: Form) -> bytes:
    """Return the lines of *entries*; CSV cells that are no text contain JSON."""
    dumped = ENTRY.dump(entries, many=True)
    if form is Form.CSV:
        return csv_text(map(_cells, dumped)).encode()
    return b"".join(dump_printable(each, option=orjson.OPT_APPEND_NEWLINE) for each in dumped)


def _cells(dumped: Mapping[str, Any]) -> list[str]:
    cells: list[str] = []
    for name, value in dumped.items():
        parts = [(value or {}).get(part) for part in PARTS[name]] if name in PARTS else [value]
        cells.extend(map(_cell, parts))
    return cells


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return safe_cell(value) if isinstance(value, str) else dump_printable(value).decode()
