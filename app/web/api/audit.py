"""`/audit`: the entries of the audit log, by page or as a file."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, g, jsonify, request
from flask.typing import ResponseReturnValue

from app.audit import export
from app.audit.entries import AuditEntry
from app.audit.queries import AuditFilter, iterate_entries, list_entries, read_entries
from app.db.transaction import open_transaction
from app.errors import NotFound
from app.web.auth import requires
from app.web.openapi.describe import Reply, Tag, describe
from app.web.resources import read_for_workspace, reading_pool
from app.web.streamed_files import begun, stream_file
from schemas.audit import (
    AnyAuditPageSchema,
    AuditPageSchema,
    AuditQuery,
    ExportQuery,
    Form,
    FullAuditEntrySchema,
    FullAuditPageSchema,
    Place,
)
from schemas.paging import load_query

blueprint = Blueprint("audit", __name__, url_prefix="/audit")

READ = "audit.read"
NO_ENTRY = "The audit has no entry with this id. A job that changed no profile has none."
QUERY = AuditQuery()
EXPORT_QUERY = ExportQuery()
PAGE = AuditPageSchema()
FULL_PAGE = FullAuditPageSchema()
ENTRY = FullAuditEntrySchema()
MEDIA = {Form.JSONL: "application/jsonl", Form.CSV: "text/csv; charset=utf-8"}


@describe(
    Tag.AUDIT,
    "List actions with their keys and profiles, newest first",
    query=AuditQuery,
    replies={200: AnyAuditPageSchema},
)
@blueprint.get("")
@requires(permission=READ)
def list_audit_view() -> ResponseReturnValue:
    """Return a page of entries, newest first. `?include=images` adds the state before and after each action."""
    entries, next_cursor = page_of_entries(request.args)
    schema = FULL_PAGE if "include" in request.args else PAGE
    return jsonify(schema.dump({"entries": entries, "next_cursor": next_cursor}))


@describe(Tag.AUDIT, "Read one action", replies={200: FullAuditEntrySchema})
@blueprint.get("/<uuid:entry_id>")
@requires(permission=READ)
def read_audit_entry_view(entry_id: UUID) -> ResponseReturnValue:
    """Return an entry with its changes and the state before and after. The id of a job is that of its entry."""
    return jsonify(ENTRY.dump(find_entry(entry_id)))


@describe(
    Tag.AUDIT,
    "Export the audit as a file",
    query=ExportQuery,
    replies={
        200: Reply(
            description="The file: an entry on each line, or a header and a row for each entry.",
            headers=("Content-Disposition",),
            content={"application/jsonl": FullAuditEntrySchema, "text/csv": {"type": "string"}},
        )
    },
)
@blueprint.get("/export")
@requires(permission=READ)
def export_audit_view() -> ResponseReturnValue:
    """Return the matching entries of one moment as a file, which is streamed.

    Every entry has the state before and after its action. A client that reads too slowly is disconnected,
    and gets an incomplete response.
    """
    return export_response(request.args)


def page_of_entries(arguments: Mapping[str, Any]) -> tuple[Sequence[AuditEntry], Place | None]:
    """Return the page of entries that *arguments* select, and the cursor of the next; raise ValidationError."""
    query = load_query(QUERY, arguments)
    limit = query["limit"]
    page = partial(
        list_entries,
        matching=_filter_from(query),
        limit=limit + 1,
        before=query.get("cursor"),
        snapshots="include" in query,
    )
    found = read_for_workspace(g.workspace_id, page)
    listed = found[:limit]
    return listed, listed[-1].place if len(found) > limit else None


def find_entry(entry_id: UUID) -> AuditEntry:
    """Return an entry with its snapshots; raise NotFound when the workspace has none of that id."""
    found = read_for_workspace(g.workspace_id, partial(read_entries, ids=[entry_id], snapshots=True))
    if not found:
        raise NotFound(NO_ENTRY)
    return found[0]


def export_response(arguments: Mapping[str, Any]) -> Response:
    """Return the file of the entries that *arguments* select; raise ValidationError."""
    query = load_query(EXPORT_QUERY, arguments)
    form = query["format"]

    def content(stack: ExitStack) -> Iterator[bytes]:
        tx = stack.enter_context(open_transaction(reading_pool(), g.workspace_id, snapshot=True))
        parts = iterate_entries(tx, matching=_filter_from(query))
        return begun((export.export_lines(part, form) for part in parts), head=export.export_header(form))

    return stream_file(content, name=f"audit.{form}", content_type=MEDIA[form], event="audit_export_failed")


def _filter_from(query: dict[str, Any]) -> AuditFilter:
    named = {name: query.get(name) for name in ("action", "key", "identifier", "job_id")}
    return AuditFilter(**named, since=query.get("from"), until=query.get("to"))
