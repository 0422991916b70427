"""`/audit`: the entries of the audit log, by page or as a file."""

import logging
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

from flask import Blueprint, Response, g, jsonify, request
from flask.typing import ResponseReturnValue

from app.audit import export
from app.audit.entries import AuditEntry
from app.audit.queries import AuditFilter, iterate_entries, list_entries
from app.db.transaction import open_transaction
from app.errors import DatabaseUnavailable
from app.metrics.shares import Resource
from app.web.auth import pool, requires
from app.web.openapi.describe import Reply, Tag, describe
from app.web.workspace_shares import by_turns, take_share
from schemas.audit import (
    AnyAuditPageSchema,
    AuditPageSchema,
    AuditQuery,
    ExportQuery,
    Form,
    FullAuditEntrySchema,
    FullAuditPageSchema,
)
from schemas.paging import load_query

LOG = logging.getLogger(__name__)
blueprint = Blueprint("audit", __name__, url_prefix="/audit")

QUERY = AuditQuery()
EXPORT_QUERY = ExportQuery()
PAGE = AuditPageSchema()
FULL_PAGE = FullAuditPageSchema()
MEDIA = {Form.JSONL: "application/jsonl", Form.CSV: "text/csv; charset=utf-8"}


@describe(
    Tag.AUDIT,
    "List actions with their keys and profiles, newest first",
    query=AuditQuery,
    replies={200: AnyAuditPageSchema},
)
@blueprint.get("")
@requires(permission="audit.read")
def list_audit_view() -> ResponseReturnValue:
    """Return a page of entries, newest first. `?include=images` adds the state before and after each action."""
    query = load_query(QUERY, request.args)
    limit, images = query["limit"], "include" in query
    with open_transaction(pool(), g.workspace_id) as tx:
        found = list_entries(
            tx,
            matching=_filter_from(query),
            limit=limit + 1,
            before=query.get("cursor"),
            snapshots=images,
        )
    listed = found[:limit]
    page_of_entries = {"entries": listed, "next_cursor": listed[-1].place if len(found) > limit else None}
    return jsonify((FULL_PAGE if images else PAGE).dump(page_of_entries))


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
@requires(permission="audit.read")
def export_audit_view() -> ResponseReturnValue:
    """Return the matching entries of one moment as a file, which is streamed.

    Every entry has the state before and after its action. A client that reads too slowly is disconnected,
    and gets an incomplete response.
    """
    query = load_query(EXPORT_QUERY, request.args)
    form = query["format"]
    with ExitStack() as stack:
        take_share(Resource.EXPORTS, stack)
        tx = stack.enter_context(open_transaction(pool(), g.workspace_id, snapshot=True))
        parts = iterate_entries(tx, matching=_filter_from(query))
        # Errors of the query must appear before the response begins.
        first = next(parts)
        end = stack.pop_all().close
        response = Response(by_turns(_file_content(first, parts, form, end)), content_type=MEDIA[form])
        response.headers["Content-Disposition"] = f'attachment; filename="audit.{form}"'
        # The client may disconnect before the first or the last byte.
        response.call_on_close(end)
    return response


def _file_content(
    first: Sequence[AuditEntry], rest: Iterator[Sequence[AuditEntry]], form: Form, end: Callable[[], None]
) -> Generator[bytes]:
    """Yield the file in blocks of entries; call *end* after the last one or an error."""
    yield export.export_header(form) + export.export_lines(first, form)
    try:
        for entries in rest:
            yield export.export_lines(entries, form)
    except Exception as error:
        # The status is sent already: only an incomplete response can report the error.
        LOG.exception("audit_export_failed")
        raise DatabaseUnavailable("The export failed before its end.") from error
    finally:
        end()


def _filter_from(query: dict[str, Any]) -> AuditFilter:
    named = {name: query.get(name) for name in ("action", "key", "identifier", "job_id")}
    return AuditFilter(**named, since=query.get("from"), until=query.get("to"))
