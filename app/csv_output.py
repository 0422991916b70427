"""CSV text of the API's exports. Cells from users go through `schemas.text.safe_cell` first.

A file of its own, because app.audit and app.duplicates both use it.
"""

import csv
from collections.abc import Iterable
from io import StringIO


def csv_text(rows: Iterable[Iterable[str]], *, line_end: str = "\n") -> str:
    """Return *rows* as CSV."""
    text = StringIO()
    csv.writer(text, lineterminator=line_end).writerows(rows)
    return text.getvalue()
