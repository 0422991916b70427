"""CSV text of the API's exports. Cells from users go through `csv_cell` or `schemas.text.safe_cell` first.

A file of its own, because app.audit and app.duplicates both use it.
"""

import csv
from collections.abc import Iterable
from io import StringIO
from typing import Any

from schemas.json_values import dump_printable
from schemas.text import safe_cell


def csv_text(rows: Iterable[Iterable[str]], *, line_end: str = "\n") -> str:
    """Return *rows* as CSV."""
    text = StringIO()
    csv.writer(text, lineterminator=line_end).writerows(rows)
    return text.getvalue()


def csv_cell(value: Any) -> str:
    """Return *value* as a cell: a text so that no spreadsheet takes it for a formula, others as JSON, None as empty."""
    if value is None:
        return ""
    return safe_cell(value) if isinstance(value, str) else dump_printable(value).decode()
