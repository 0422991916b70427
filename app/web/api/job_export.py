"""`/merge/jobs/export`: the jobs of a filter as a file."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack

from flask import Blueprint, Response, g, request
from flask.typing import ResponseReturnValue

from app.db.transaction import open_transaction
from app.errors import DatabaseUnavailable
from app.ledger.job_export import job_header, job_lines
from app.ledger.job_lists import iterate_jobs
from app.ledger.queries import Job
from app.metrics.shares import Resource
from app.web.api.jobs import job_filter_from
from app.web.auth import POLLING, requires
from app.web.openapi.describe import Reply, Tag, describe
from app.web.resources import reading_pool
from app.web.workspace_shares import take_share
from schemas.jobs import JobFilterQuery
from schemas.paging import load_query

LOG = logging.getLogger(__name__)
blueprint = Blueprint("job_export", __name__, url_prefix="/merge/jobs")

QUERY = JobFilterQuery()
#: Jobs of a file, and of one query.
MAX_JOBS = 100_000
CHUNK = 500


@describe(
    Tag.MERGES,
    "Export jobs as CSV",
    query=JobFilterQuery,
    replies={
        200: Reply(
            description="A header, and a row for each job.",
            headers=("Content-Disposition",),
            content={"text/csv": {"type": "string"}},
        )
    },
)
@blueprint.get("/export")
@requires(permission=POLLING)
def export_jobs_view() -> ResponseReturnValue:
    """Return the matching jobs of one moment as a file, newest first, which is streamed.

    A file has at most 100,000 jobs; `to` with the time of the last one continues it. A client that reads too slowly is
    disconnected, and gets an incomplete response.
    """
    return export_requested_jobs(request.args)


def export_requested_jobs(arguments: Mapping[str, str]) -> Response:
    """Return the file for the *arguments* of a query string; raises ValidationError if they are invalid."""
    matching = job_filter_from(load_query(QUERY, arguments))
    with ExitStack() as stack:
        take_share(Resource.EXPORTS, stack)
        tx = stack.enter_context(open_transaction(reading_pool(), g.workspace_id, snapshot=True))
        parts = iterate_jobs(tx, matching=matching, most=MAX_JOBS, chunk=CHUNK)
        # Errors of the query must appear before the response begins.
        first = next(parts)
        end = stack.pop_all().close
        response = Response(_file_content(first, parts, end), content_type="text/csv; charset=utf-8")
        response.headers["Content-Disposition"] = 'attachment; filename="jobs.csv"'
        # The client may disconnect before the first or the last byte.
        response.call_on_close(end)
    return response


def _file_content(first: Sequence[Job], rest: Iterator[Sequence[Job]], end: Callable[[], None]) -> Iterator[bytes]:
    """Yield the file in blocks of jobs; call *end* after the last one or an error."""
    yield job_header() + job_lines(first)
    try:
        for jobs in rest:
            yield job_lines(jobs)
    except Exception as error:
        # The status is sent already: only an incomplete response can report the error.
        LOG.exception("job_export_failed")
        raise DatabaseUnavailable("The export failed before its end.") from error
    finally:
        end()
