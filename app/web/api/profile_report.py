"""`GET /profiles/{braze_id}/report`: all stored data of one person, as one JSON object that is streamed."""

import logging
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import orjson
from flask import Blueprint, Response, g
from flask.typing import ResponseReturnValue

from app.db.transaction import open_transaction
from app.errors import DatabaseUnavailable
from app.ledger.undo_time import with_undo_time
from app.metrics.shares import Resource
from app.users.report import PersonReport
from app.web.api.profiles import MERGED_AWAY, normalize_braze_id
from app.web.auth import pool, requires, settings
from app.web.openapi.describe import Tag, describe, reply
from app.web.workspace_shares import by_turns, take_share
from schemas.audit import FullAuditEntrySchema
from schemas.base import moment_text
from schemas.history_pages import HistoryItemSchema
from schemas.jobs import JobSchema
from schemas.profile import ProfileSchema
from schemas.report import PersonReportSchema

LOG = logging.getLogger(__name__)
blueprint = Blueprint("profile_report", __name__)

PROFILE = ProfileSchema()
JOBS = JobSchema(many=True)
AUDIT = FullAuditEntrySchema(many=True)
HISTORY = HistoryItemSchema(many=True)


@describe(
    Tag.PROFILES,
    "Report all stored data of a person",
    replies={200: reply(PersonReportSchema, "Content-Disposition"), 410: MERGED_AWAY},
)
@blueprint.get("/profiles/<braze_id>/report")
@requires(permission="profiles.report")
def report_view(braze_id: str) -> ResponseReturnValue:
    """Return everything that is stored about the person of a live profile, as of one moment.

    `records` are the stored rows, `jobs` and `audit` name the person, `history` is that of all merged profiles. The
    response is streamed; a client that reads too slowly is disconnected, and gets an incomplete response.
    """
    braze_id = normalize_braze_id(braze_id)
    with ExitStack() as stack:
        take_share(Resource.EXPORTS, stack)
        tx = stack.enter_context(open_transaction(pool(), g.workspace_id, snapshot=True))
        # Errors must appear before the response begins.
        report = PersonReport(tx, braze_id=braze_id)
        end = stack.pop_all().close
        content = _content(report, end, undo_days=settings().undo_days)
        response = Response(by_turns(content), content_type="application/json")
        response.headers["Content-Disposition"] = f'attachment; filename="{braze_id}.json"'
        # The client may disconnect before the first or the last byte.
        response.call_on_close(end)
    return response


def _content(report: PersonReport, end: Callable[[], None], *, undo_days: float) -> Generator[bytes]:
    """Yield the report in parts of bounded size; call *end* after the last one or an error."""
    try:
        head = {
            "braze_id": report.profile.braze_id,
            "created_at": moment_text(report.created_at),
            "profile": PROFILE.dump(report.profile),
            "records": report.records(),
            "records_of_others": report.records_of_others,
        }
        yield orjson.dumps(head)[:-1]
        jobs = ([with_undo_time(job, days=undo_days) for job in page] for page in report.jobs())
        yield from _array("jobs", map(JOBS.dump, jobs))
        yield from _array("audit", map(AUDIT.dump, report.audit()))
        yield from _array("history", map(HISTORY.dump, report.history()))
        yield b"}\n"
    except Exception as error:
        # The status is sent already: only an incomplete response can report the error.
        LOG.exception("person_report_failed")
        raise DatabaseUnavailable("The report failed before its end.") from error
    finally:
        end()


def _array(name: str, parts: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """Yield a member that is an array, from *parts* of its elements."""
    yield b"," + orjson.dumps(name) + b":["
    separator = b""
    for part in parts:
        if part:
            yield separator + orjson.dumps(part)[1:-1]
            separator = b","
    yield b"]"
