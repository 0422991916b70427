"""What became of accepted requests: batches and their jobs. Mergelane's own."""

from collections.abc import Mapping

from app.web.openapi.batches import BATCH_HEADERS, SAFE_TO_REPEAT, SUCCESS, accepted
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
    UUID,
    Operation,
    Tag,
    answer,
    parameter,
    query,
    schema,
    words,
)
from schemas.jobs import (
    MAX_IDENTIFIER,
    BatchPageSchema,
    BatchSchema,
    JobPageSchema,
    JobSchema,
)
from schemas.outcomes import BatchSource, JobState, Outcome

NOT_MODIFIED = 304

OPERATIONS: Mapping[str, Operation] = {
    "GET /merge/batches": Operation(
        tag=Tag.MERGES,
        summary="List batches, newest first, by who made them",
        parameters=(
            query("source", words(*BatchSource), "Batches of requests, or of runs over duplicates."),
            query("run_id", UUID, "Batches of this run over duplicates."),
            LIMIT,
            CURSOR,
        ),
        answers={OK: answer("A page of batches.", BatchPageSchema), BAD_REQUEST: REJECTED},
    ),
    "GET /merge/batches/{batch_id}": Operation(
        tag=Tag.MERGES,
        summary="Poll a batch",
        parameters=(parameter("If-None-Match"),),
        answers={
            OK: answer("The batch with its jobs.", BatchSchema, "ETag", "Retry-After?"),
            NOT_MODIFIED: answer("Nothing has changed since.", None, "ETag", "Retry-After?"),
            MISSING: NOT_FOUND,
        },
    ),
    "GET /merge/jobs": Operation(
        tag=Tag.MERGES,
        summary="List jobs, newest first, by state, outcome or identifier",
        parameters=(
            query("state", words(*JobState), "Jobs in this state."),
            query("outcome", words(*Outcome), "Jobs with this outcome."),
            query(
                "identifier",
                {"type": "string", "minLength": 1, "maxLength": MAX_IDENTIFIER},
                "Jobs of which a side has this external_id, alias name, email, phone or braze_id.",
            ),
            LIMIT,
            CURSOR,
        ),
        answers={OK: answer("A page of jobs.", JobPageSchema), BAD_REQUEST: REJECTED},
    ),
    "GET /merge/jobs/{job_id}": Operation(
        tag=Tag.MERGES,
        summary="Look at a job",
        parameters=(query("include", words("changes"), "What the job changed is shown beside it."),),
        answers={OK: answer("The job.", JobSchema), BAD_REQUEST: REJECTED, MISSING: NOT_FOUND},
    ),
    "POST /merge/jobs/{job_id}/retry": Operation(
        tag=Tag.MERGES,
        summary="Give a dead job another chance",
        answers={
            ACCEPTED: answer("The job waits again.", JobSchema, "Location", "Retry-After"),
            MISSING: NOT_FOUND,
            CONFLICT: answer("The job is not dead, or what it was asked to do was erased.", schema("Message")),
        },
    ),
    "POST /merge/jobs/{job_id}/undo": Operation(
        tag=Tag.MERGES,
        summary="Undo a merge",
        parameters=SAFE_TO_REPEAT,
        answers={
            ACCEPTED: answer(
                "The undo is durable.",
                accepted(["message", "job_id"], message=SUCCESS, job_id=UUID),
                *BATCH_HEADERS,
            ),
            BAD_REQUEST: REJECTED,
            MISSING: NOT_FOUND,
            CONFLICT: answer(
                "The job merged nothing, is unfinished, or was undone; an undo of it is on its way; or the"
                " Idempotency-Key stands in the way.",
                schema("Message"),
            ),
        },
    ),
    "POST /merge/batches/{batch_id}/undo": Operation(
        tag=Tag.MERGES,
        summary="Undo all merges of a batch",
        parameters=SAFE_TO_REPEAT,
        answers={
            ACCEPTED: answer("The undos are durable.", accepted(["message"], message=SUCCESS), *BATCH_HEADERS),
            BAD_REQUEST: REJECTED,
            MISSING: NOT_FOUND,
            CONFLICT: answer(
                "The batch merged nothing, is unfinished, or was undone; an undo of one of its jobs is on its way; or"
                " the Idempotency-Key stands in the way.",
                schema("Message"),
            ),
        },
    ),
}
