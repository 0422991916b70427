"""`GET /profiles/{braze_id}/report`: all stored data of one person, as one JSON object that is streamed."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import orjson
from flask import Blueprint, g
from flask.typing import ResponseReturnValue

from app.db.transaction import open_transaction
from app.ledger.undo_time import with_undo_time
from app.users.report import PersonReport
from app.web.api.profiles import MERGED_AWAY, normalize_braze_id
from app.web.auth import pool, requires, settings
from app.web.openapi.describe import Tag, describe, reply
from app.web.streamed_files import stream_file
from schemas.audit import FullAuditEntrySchema
from schemas.base import moment_text
from schemas.history_pages import HistoryItemSchema
from schemas.jobs import JobSchema
from schemas.profile import ProfileSchema
from schemas.report import PersonReportSchema

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

    def content(stack: ExitStack) -> Iterator[bytes]:
        tx = stack.enter_context(open_transaction(pool(), g.workspace_id, snapshot=True))
        return _content(PersonReport(tx, braze_id=braze_id), undo_days=settings().undo_days)

    return stream_file(
        content,
        name=f"{braze_id}.json",
        content_type="application/json",
        event="person_report_failed",
        what="report",
    )


def _content(report: PersonReport, *, undo_days: float) -> Iterator[bytes]:
    """Yield the report in parts of bounded size."""
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


def _array(name: str, parts: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """Yield a member that is an array, from *parts* of its elements."""
    yield b"," + orjson.dumps(name) + b":["
    separator = b""
    for part in parts:
        if part:
            yield separator + orjson.dumps(part)[1:-1]
            separator = b","
    yield b"]"
