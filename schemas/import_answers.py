"""The query of `POST /profiles/import` and its response: one JSON object a line."""

from collections.abc import Iterable
from typing import Protocol

import orjson
from marshmallow import fields

from schemas.base import OPTIONAL, RequestSchema, ResponseSchema, Word, count_field
from schemas.profile_imports import ImportResult, OnConflict

ON_CONFLICT = f"'on_conflict' must be one of {', '.join(OnConflict)}"
DRY_RUN = "'dry_run' must be true or false"


class LineOutcome(Protocol):
    """The outcome of one line."""

    @property
    def result(self) -> ImportResult: ...
    @property
    def braze_id(self) -> str | None: ...
    @property
    def reasons(self) -> Iterable[str]: ...


class ImportQuery(RequestSchema):
    """What an import does with profiles that exist, and whether it changes anything."""

    on_conflict = Word(
        OnConflict,
        load_default=OnConflict.SKIP,
        error_messages={"unknown": ON_CONFLICT},
        metadata={
            "description": "What happens to a profile that exists: it stays, gets the values that it lacks, or gets all"
            " values of the line.",
            "default": OnConflict.SKIP,
        },
    )
    dry_run = fields.Boolean(
        load_default=False,
        truthy={"true"},
        falsy={"false"},
        error_messages={"invalid": DRY_RUN},
        metadata={"description": "Whether nothing is changed and only the outcomes are returned.", "default": False},
    )


class ImportLineSchema(ResponseSchema):
    """A line of the response: the outcome of the line of the body with the same number, or the end of the import.

    A line with `error` and without `result` is the last one: nothing was imported of the line with its number and
    of those after it.
    """

    line = count_field("The number of the line in the body, from 1.", metadata={"minimum": 1})
    result = Word(ImportResult, metadata=OPTIONAL)
    braze_id = fields.String(
        allow_none=True, metadata={**OPTIONAL, "description": "The profile; null for a line without one."}
    )
    reasons = fields.List(
        fields.String(), metadata={**OPTIONAL, "description": "Why the line, or a part of it, had no effect."}
    )
    error = fields.String(metadata={**OPTIONAL, "description": "Why the import stopped before this line."})


def dump_outcomes(outcomes: Iterable[LineOutcome], *, first: int = 1) -> bytes:
    """Return the lines of *outcomes*; *first* is the number of the first one."""
    return b"".join(
        orjson.dumps(
            {"line": number, "result": each.result, "braze_id": each.braze_id, "reasons": list(each.reasons)},
            option=orjson.OPT_APPEND_NEWLINE,
        )
        for number, each in enumerate(outcomes, start=first)
    )


def dump_stop(line: int, error: str) -> bytes:
    """Return the last line of an import that stopped before *line*."""
    return orjson.dumps({"line": line, "error": error}, option=orjson.OPT_APPEND_NEWLINE)
