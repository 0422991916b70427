"""The outcome file: a line for each line of the merge file, in its order."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any

import orjson

from cli.bulk.pairs import COLUMNS, Json, Pair, cells_of
from cli.bulk.source import Form
from schemas.outcomes import JobState

#: What the outcome file calls a line that was not sent, because it says no pair.
INVALID = "invalid"
#: What it calls one whose job is dead.
DEAD = JobState.DEAD.value
#: What it tells of a line, before the identifiers.
TOLD = ("line", "outcome", "reason", "job_id", "batch_id", "orphan_braze_id", "survivor_braze_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What became of one pair."""

    outcome: str
    reason: str
    job_id: str | None = None
    batch_id: str | None = None
    orphan_braze_id: str | None = None
    survivor_braze_id: str | None = None


def told_of(shown: Mapping[str, Any]) -> Told:
    """Return what *shown*, a settled job or an update of a preview, tells. A job that is dead has no outcome."""
    sides = {role: shown[role] or {} for role in ("orphan", "survivor")}
    return Told(
        outcome=shown["outcome"] or shown["state"],
        reason=shown["reason"] or "",
        job_id=shown.get("job_id"),
        batch_id=shown.get("batch_id"),
        orphan_braze_id=sides["orphan"].get("braze_id"),
        survivor_braze_id=sides["survivor"].get("braze_id"),
    )


def header(form: Form) -> bytes:
    """Return how an outcome file in *form* begins."""
    return _csv([(*TOLD, *COLUMNS)]) if form is Form.CSV else b""


def lines(told: Iterable[tuple[Pair, Told]], form: Form) -> bytes:
    """Return the lines of an outcome file in *form* for pairs and what became of them."""
    if form is Form.CSV:
        return _csv([[*_values(pair, what), *cells_of(pair.update).values()] for pair, what in told])
    return b"".join(orjson.dumps(_object(pair, what), option=orjson.OPT_APPEND_NEWLINE) for pair, what in told)


def _values(pair: Pair, what: Told) -> list[Any]:
    """Return the values of TOLD."""
    return [pair.line, *(getattr(what, name) for name in TOLD[1:])]


def _object(pair: Pair, what: Told) -> Json:
    """Return a line of JSON Lines, without what has no value."""
    told = {name: value for name, value in zip(TOLD, _values(pair, what), strict=True) if value is not None}
    return told | pair.update


def _csv(rows: Iterable[Sequence[Any]]) -> bytes:
    """Return *rows* as CSV in UTF-8."""
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
