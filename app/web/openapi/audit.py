"""The audit: who did what, when, and to whom. Mergelane's own."""

from collections.abc import Mapping

from app.web.openapi.parts import (
    BAD_REQUEST,
    CURSOR,
    LIMIT,
    MOMENT,
    OK,
    REJECTED,
    UUID,
    Json,
    Operation,
    Tag,
    answer,
    query,
    words,
)
from schemas.audit import Action, AuditPageSchema, Form, WholeAuditPageSchema, WholeEntrySchema
from schemas.jobs import MAX_IDENTIFIER

FILTER: tuple[Json, ...] = (
    query("action", words(*Action), "Entries of this action."),
    query("key", UUID, "What was asked for by the API key of this id."),
    query("from", MOMENT, "Asked for at this time or later."),
    query("to", MOMENT, "Asked for before this time."),
    query(
        "identifier",
        {"type": "string", "minLength": 1, "maxLength": MAX_IDENTIFIER},
        "Entries about a profile with this external_id, alias name, email, phone or braze_id.",
    ),
    query("job_id", UUID, "What this job did, and what undid it."),
)

OPERATIONS: Mapping[str, Operation] = {
    "GET /audit": Operation(
        tag=Tag.AUDIT,
        summary="List who did what, newest first",
        parameters=(
            *FILTER,
            query("include", words("images"), "What changed, and what was before and after, is shown beside it."),
            LIMIT,
            CURSOR,
        ),
        answers={
            OK: {
                "description": "A page of entries; with `include=images`, each with its images.",
                "content": {"application/json": {"schema": {"anyOf": [AuditPageSchema, WholeAuditPageSchema]}}},
            },
            BAD_REQUEST: REJECTED,
        },
    ),
    "GET /audit/export": Operation(
        tag=Tag.AUDIT,
        summary="Read all of the audit as a file",
        parameters=(*FILTER, query("format", {**words(*Form), "default": Form.JSONL}, "How the file is written.")),
        answers={
            OK: {
                "description": "The file: an entry on each line, or a row for each under a header.",
                "headers": answer("", None, "Content-Disposition")["headers"],
                "content": {
                    "application/jsonl": {"schema": WholeEntrySchema},
                    "text/csv": {"schema": {"type": "string"}},
                },
            },
            BAD_REQUEST: REJECTED,
        },
    ),
}
