"""`/audit`: who did what, when, and to whom; page by page, or all of it as a file."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from threading import BoundedSemaphore
from typing import Any

from flask import Blueprint, Response, current_app, g, jsonify, request
from flask.typing import ResponseReturnValue

from app.audit import export
from app.audit.entries import AuditEntry
from app.audit.queries import AuditFilter, iterate_entries, list_entries
from app.db.transaction import open_transaction
from app.errors import DatabaseUnavailable, Overloaded
from app.web.auth import pool, requires
from app.web.openapi.describe import Reply, Tag, describe
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
WHOLE_PAGE = FullAuditPageSchema()
#: Exports that one web process writes at a time: each holds a connection for as long as its client reads.
AT_ONCE = 2
EXPORTS = "mergelane-audit-exports"
MEDIA = {Form.JSONL: "application/jsonl", Form.CSV: "text/csv; charset=utf-8"}
BUSY = "Too many exports of the audit are running; try again when one of them has ended."
BUSY_S = 10


@describe(
    Tag.AUDIT,
    "List actions with their keys and profiles, newest first",
    query=AuditQuery,
    replies={200: AnyAuditPageSchema},
)
@blueprint.get("")
@requires(permission="audit.read")
def entries() -> ResponseReturnValue:
    """Answer with a page of the audit, newest first; with `?include=images`, what was before and after beside it."""
    query = load_query(QUERY, request.args)
    limit, images = query["limit"], "include" in query
    with open_transaction(pool(), g.workspace_id) as tx:
        found = list_entries(
            tx,
            matching=_wanted(query),
            limit=limit + 1,
            before=query.get("cursor"),
            snapshots=images,
        )
    shown = found[:limit]
    told = {"entries": shown, "next_cursor": shown[-1].place if len(found) > limit else None}
    return jsonify((WHOLE_PAGE if images else PAGE).dump(told))


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
def file() -> ResponseReturnValue:
    """Answer with all that is wanted of the audit as it stands at this moment, as a file that is written as it is read.

    Every entry has its images. A client that does not read on for 20 seconds is cut off, and sees that it was.
    """
    query = load_query(EXPORT_QUERY, request.args)
    form = query["format"]
    with ExitStack() as stack:
        _take_turn(stack)
        tx = stack.enter_context(open_transaction(pool(), g.workspace_id, snapshot=True))
        parts = iterate_entries(tx, matching=_wanted(query))
        # Whatever is wrong is to be found before the answer begins.
        first = next(parts)
        end = stack.pop_all().close
        response = Response(_written(first, parts, form, end), content_type=MEDIA[form])
        response.headers["Content-Disposition"] = f'attachment; filename="audit.{form}"'
        # The client may go away before the end, or even before the beginning.
        response.call_on_close(end)
    return response


def _take_turn(stack: ExitStack) -> None:
    """Take a turn among the exports of this process, until *stack* ends; raise Overloaded when there is none."""
    turns: BoundedSemaphore = current_app.extensions.setdefault(EXPORTS, BoundedSemaphore(AT_ONCE))
    if not turns.acquire(blocking=False):
        raise Overloaded(BUSY, retry_after_s=BUSY_S)
    stack.callback(turns.release)


def _written(
    first: Sequence[AuditEntry], rest: Iterator[Sequence[AuditEntry]], form: Form, end: Callable[[], None]
) -> Iterator[bytes]:
    """Yield the file, some entries at a time; call *end* behind the last."""
    yield export.export_header(form) + export.export_lines(first, form)
    try:
        for entries in rest:
            yield export.export_lines(entries, form)
    except Exception as error:
        # There is no way left to tell the client but to end before the end.
        LOG.exception("An export of the audit broke off")
        raise DatabaseUnavailable("The export broke off.") from error
    finally:
        end()


def _wanted(query: dict[str, Any]) -> AuditFilter:
    """Return which entries *query* wants."""
    named = {name: query.get(name) for name in ("action", "key", "identifier", "job_id")}
    return AuditFilter(**named, since=query.get("from"), until=query.get("to"))
