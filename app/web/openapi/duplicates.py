"""Duplicates: found, rehearsed and merged by a workspace's rule. Mergelane's own."""

from collections.abc import Mapping

from app.web.openapi.batches import SUCCESS
from app.web.openapi.parts import (
    ACCEPTED,
    BAD_REQUEST,
    CONFLICT,
    CURSOR,
    LIMIT,
    MISSING,
    NOT_FOUND,
    OK,
    REJECTED,
    STRING,
    UUID,
    Operation,
    Tag,
    an_object,
    answer,
    query,
    schema,
    words,
)
from schemas.duplicates import DuplicatePreviewSchema, PolicySchema, RunPageSchema, RunSchema
from schemas.keeping import Prefer, SharedAddress, TiesBy

RULE = (
    query("identifier", words(*SharedAddress), "By which address profiles are duplicates."),
    query("resolve_ties_by", words(*TiesBy), "By which time ties are resolved."),
    query("prefer", words(*Prefer), "Which end of these times is kept."),
)

OPERATIONS: Mapping[str, Operation] = {
    "GET /duplicates/policy": Operation(
        tag=Tag.DUPLICATES,
        summary="Look at the policy",
        answers={OK: answer("The policy.", PolicySchema)},
    ),
    "PUT /duplicates/policy": Operation(
        tag=Tag.DUPLICATES,
        summary="Set the policy",
        body=PolicySchema,
        answers={OK: answer("The policy as it now is.", PolicySchema), BAD_REQUEST: REJECTED},
    ),
    "GET /duplicates/preview": Operation(
        tag=Tag.DUPLICATES,
        summary="Count what a run would find",
        parameters=RULE,
        answers={OK: answer("The numbers.", DuplicatePreviewSchema), BAD_REQUEST: REJECTED},
    ),
    "GET /duplicates/preview.csv": Operation(
        tag=Tag.DUPLICATES,
        summary="List what a run would do, profile by profile",
        parameters=RULE,
        answers={
            OK: answer("A table in the vendor's columns.", STRING, "Content-Disposition", media="text/csv"),
            BAD_REQUEST: REJECTED,
        },
    ),
    "POST /duplicates/runs": Operation(
        tag=Tag.DUPLICATES,
        summary="Begin a run",
        answers={
            ACCEPTED: answer(
                "The run is under way.",
                an_object(("message", "run_id", "status_url"), message=SUCCESS, run_id=UUID, status_url=STRING),
                "Location",
                "Retry-After",
            ),
            CONFLICT: answer("A run is under way already.", schema("Message")),
        },
    ),
    "GET /duplicates/runs": Operation(
        tag=Tag.DUPLICATES,
        summary="List runs, newest first",
        parameters=(LIMIT, CURSOR),
        answers={OK: answer("A page of runs.", RunPageSchema), BAD_REQUEST: REJECTED},
    ),
    "GET /duplicates/runs/{run_id}": Operation(
        tag=Tag.DUPLICATES,
        summary="Follow a run",
        answers={OK: answer("The run.", RunSchema, "Retry-After?"), MISSING: NOT_FOUND},
    ),
    "POST /duplicates/runs/{run_id}/cancel": Operation(
        tag=Tag.DUPLICATES,
        summary="Cancel a run",
        answers={
            OK: answer("The run, cancelled.", RunSchema),
            MISSING: NOT_FOUND,
            CONFLICT: answer("The run has ended.", schema("Message")),
        },
    ),
}
