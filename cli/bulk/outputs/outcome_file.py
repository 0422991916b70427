"""The outcome file: one line for each line of the merge file, in the same order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from app.text_files.merge_columns import PAIR_COLUMNS, cells_from_update
from app.text_files.merge_pairs import RESULT_COLUMNS, TEXT, FilePair, Json
from cli.bulk.files import FileFormat
from schemas.json_values import dump_printable
from schemas.outcomes import JobState
from schemas.text import format_csv, safe_cell

#: The outcome of a line that was not sent, because it is not a valid pair.
INVALID = "invalid"
#: Added to the reason of a merge that was undone since.
UNDONE = " It was undone at {undone_at} by the job {undone_by}."
#: The outcome of a line whose job is dead.
DEAD = JobState.DEAD.value


@dataclass(frozen=True, slots=True, kw_only=True)
class LineResult:
    """The outcome of one pair."""

    outcome: str
    reason: str
    job_id: str | None = None
    batch_id: str | None = None
    orphan_braze_id: str | None = None
    survivor_braze_id: str | None = None


def result_from_json(job: Mapping[str, Any]) -> LineResult:
    """Return the result of a finished or dead job, or of an update of a preview. A dead job has no outcome."""
    sides = {role: job[role] or {} for role in ("orphan", "survivor")}
    return LineResult(
        outcome=job["outcome"] or job["state"],
        reason=f"{job['reason'] or ''}{_undone(job)}",
        job_id=job.get("job_id"),
        batch_id=job.get("batch_id"),
        orphan_braze_id=sides["orphan"].get("braze_id"),
        survivor_braze_id=sides["survivor"].get("braze_id"),
    )


def _undone(job: Mapping[str, Any]) -> str:
    """Return the mark of a merge that was undone since; a preview has none."""
    return UNDONE.format(**job) if job.get("undone_at") else ""


def format_header(form: FileFormat) -> bytes:
    """Return the header of an outcome file; JSON Lines have none."""
    return format_csv([(*RESULT_COLUMNS, *PAIR_COLUMNS, TEXT)]) if form is FileFormat.CSV else b""


def format_results(results: Iterable[tuple[FilePair, LineResult]], form: FileFormat) -> bytes:
    """Return the lines of pairs and their results."""
    if form is FileFormat.CSV:
        return format_csv(_row(pair, result) for pair, result in results)
    return b"".join(
        dump_printable(_result_object(pair, result), option=orjson.OPT_APPEND_NEWLINE) for pair, result in results
    )


def _row(pair: FilePair, result: LineResult) -> list[Any]:
    """Return a row of CSV; its text is safe to open, and is read back when the row is merged again."""
    cells = [*_result_cells(pair, result), *cells_from_update(pair.update).values(), pair.text or ""]
    return [safe_cell(cell) if isinstance(cell, str) else cell for cell in cells]


def _result_cells(pair: FilePair, result: LineResult) -> list[Any]:
    return [pair.line, *(getattr(result, name) for name in RESULT_COLUMNS[1:])]


def _result_object(pair: FilePair, result: LineResult) -> Json:
    """Return a line of JSON Lines, without members that have no value."""
    cells = zip(RESULT_COLUMNS, _result_cells(pair, result), strict=True)
    text = {} if pair.text is None else {TEXT: pair.text}
    return {name: value for name, value in cells if value is not None} | pair.update | text
