"""Jobs as rows of CSV."""

from collections.abc import Iterable, Sequence
from typing import Any

from app.csv_output import csv_cell, csv_text
from app.ledger.queries import Job
from schemas.jobs import JobSchema

JOB = JobSchema()
#: Members with columns of their own.
SIDES = ("orphan", "survivor")
PARTS = ("braze_id", "external_id")
#: Members in the order of their columns; the others are details of a request.
NAMES = (
    "job_id",
    "batch_id",
    "kind",
    "state",
    "outcome",
    "reason",
    "identifier_to_merge",
    "identifier_to_keep",
    *SIDES,
    "attempts",
    "created_at",
    "started_at",
    "finished_at",
    "undone_at",
    "undone_by",
    "undoes",
)
COLUMNS = tuple(
    column for name in NAMES for column in ([f"{name}_{part}" for part in PARTS] if name in SIDES else [name])
)


def job_header() -> bytes:
    """Return the header line."""
    return csv_text([COLUMNS]).encode()


def job_lines(jobs: Iterable[Job]) -> bytes:
    """Return the lines of *jobs*; an identifier is JSON."""
    return csv_text(map(_cells, JOB.dump(jobs, many=True))).encode()


def _cells(dumped: dict[str, Any]) -> Sequence[str]:
    cells: list[str] = []
    for name in NAMES:
        value = dumped.get(name)
        cells += [csv_cell((value or {}).get(part)) for part in PARTS] if name in SIDES else [csv_cell(value)]
    return cells
