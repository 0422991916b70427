"""Batches and runs as rows of CSV, with a column for the jobs of each state and outcome."""

from collections.abc import Iterable, Sequence
from typing import Any

from app.csv_output import csv_cell, csv_text
from app.ledger.queries import Batch
from app.ledger.runs import MergeRun
from schemas.jobs import BatchSummarySchema
from schemas.outcomes import JobState, Outcome
from schemas.runs import MergeRunSchema

BATCH, RUN = BatchSummarySchema(), MergeRunSchema()
#: States of jobs without an outcome, then all outcomes.
COUNTED = tuple(each.value for each in (JobState.QUEUED, JobState.RUNNING, JobState.DEAD, *Outcome))
OF_BATCH = ("batch_id", "source", "run_id", "request_id", "state", "priority", "created_at", "finished_at", "undone")
OF_RUN = (
    "run_id",
    "kind",
    "label",
    "state",
    "created_at",
    "created_by_key_id",
    "created_by_label",
    "closed_at",
    "finished_at",
    "cancelled_at",
    "paused_at",
    "paused_reason",
    "priority",
    "max_failures",
    "batches",
    "jobs",
    "merges_per_minute",
    "undoes_run",
    "undone_by_run",
    "undoable_until",
)
OTHERS = "other_results"


def batch_header() -> bytes:
    """Return the header line."""
    return csv_text([(*OF_BATCH, *COUNTED)]).encode()


def batch_lines(batches: Iterable[Batch]) -> bytes:
    """Return the lines of *batches*."""
    return csv_text(_cells(dumped, OF_BATCH) for dumped in BATCH.dump(batches, many=True)).encode()


def run_header() -> bytes:
    """Return the header line."""
    return csv_text([(*OF_RUN, *COUNTED, OTHERS)]).encode()


def run_lines(runs: Iterable[MergeRun]) -> bytes:
    """Return the lines of *runs*; results that jobs do not have, such as those of imports, are JSON."""
    return csv_text(map(_run_cells, RUN.dump(runs, many=True))).encode()


def _run_cells(dumped: dict[str, Any]) -> Sequence[str]:
    key = dumped["created_by"] or {}
    named = {**dumped, "created_by_key_id": key.get("id"), "created_by_label": key.get("label")}
    others = {name: number for name, number in dumped["counts"].items() if name not in COUNTED}
    return [*_cells(named, OF_RUN), csv_cell(others or None)]


def _cells(dumped: dict[str, Any], names: Sequence[str]) -> list[str]:
    counts = dumped["counts"]
    return [*(csv_cell(dumped[name]) for name in names), *(str(counts.get(name, 0)) for name in COUNTED)]
