"""`/merge/jobs/export`, `/merge/batches/export` and `/merge/runs/export`: what a list's filter matches, as a file."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any, TypeVar

from flask import Blueprint, Response, g, request
from flask.typing import ResponseReturnValue

from app.db.transaction import Transaction, open_transaction
from app.ledger.batch_lists import iterate_batches
from app.ledger.job_export import job_header, job_lines
from app.ledger.job_lists import iterate_jobs
from app.ledger.list_exports import batch_header, batch_lines, run_header, run_lines
from app.ledger.run_lists import iterate_runs
from app.web.api.batches import batch_filter_from
from app.web.api.jobs import job_filter_from
from app.web.api.run_filters import run_filter_from
from app.web.api.runs import EITHER, timed_run
from app.web.auth import POLLING, requires
from app.web.openapi.describe import Reply, Tag, describe
from app.web.resources import reading_pool
from app.web.streamed_files import begun, stream_file
from schemas.jobs import BatchFilterQuery, JobFilterQuery
from schemas.paging import load_query
from schemas.runs import MergeRunFilterQuery

blueprint = Blueprint("list_exports", __name__, url_prefix="/merge")
T = TypeVar("T")

JOBS, BATCHES, RUNS = JobFilterQuery(), BatchFilterQuery(), MergeRunFilterQuery()
#: Rows of a file, and of one query.
MAX_ROWS = 100_000
CHUNK = 500


def _file_of(what: str) -> dict[int, Any]:
    """Return the responses of an export for the document."""
    content = {"text/csv": {"type": "string"}}
    description = f"A header, and a row for each {what}."
    return {200: Reply(description=description, headers=("Content-Disposition",), content=content)}


@describe(Tag.MERGES, "Export jobs as CSV", query=JobFilterQuery, replies=_file_of("job"))
@blueprint.get("/jobs/export")
@requires(permission=POLLING)
def export_jobs_view() -> ResponseReturnValue:
    """Return the matching jobs of one moment as a file, newest first, which is streamed.

    A file has at most 100,000 jobs; `to` with the time of the last one continues it. A client that reads too slowly is
    disconnected, and gets an incomplete response.
    """
    return export_requested_jobs(request.args)


@describe(Tag.MERGES, "Export batches as CSV", query=BatchFilterQuery, replies=_file_of("batch"))
@blueprint.get("/batches/export")
@requires(permission=POLLING)
def export_batches_view() -> ResponseReturnValue:
    """Return the matching batches of one moment as a file, newest first, which is streamed.

    A column for each state and outcome has the number of jobs. A file has at most 100,000 batches; `to` with the time
    of the last one continues it. A client that reads too slowly is disconnected, and gets an incomplete response.
    """
    return export_requested_batches(request.args)


@describe(Tag.RUNS, "Export runs as CSV", query=MergeRunFilterQuery, replies=_file_of("run"))
@blueprint.get("/runs/export")
@requires(permission=EITHER)
def export_runs_view() -> ResponseReturnValue:
    """Return the matching runs of one moment as a file, newest first, which is streamed.

    A column for each state and outcome has the number of jobs; `other_results` has those of imports and bulk actions as
    JSON. A file has at most 100,000 runs; `to` with the time of the last one continues it. A client that reads too
    slowly is disconnected, and gets an incomplete response.
    """
    return export_requested_runs(request.args)


def export_requested_jobs(arguments: Mapping[str, str]) -> Response:
    """Return the file for the *arguments* of a query string; raises ValidationError if they are invalid."""
    matching = job_filter_from(load_query(JOBS, arguments))
    return _file("jobs", job_header(), job_lines, partial(iterate_jobs, matching=matching, most=MAX_ROWS, chunk=CHUNK))


def export_requested_batches(arguments: Mapping[str, str]) -> Response:
    """Return the file for the *arguments* of a query string; raises ValidationError if they are invalid."""
    matching = batch_filter_from(load_query(BATCHES, arguments))
    parts = partial(iterate_batches, matching=matching, most=MAX_ROWS, chunk=CHUNK)
    return _file("batches", batch_header(), batch_lines, parts)


def export_requested_runs(arguments: Mapping[str, str]) -> Response:
    """Return the file for the *arguments* of a query string; raises ValidationError if they are invalid."""
    matching = run_filter_from(load_query(RUNS, arguments))
    parts = partial(iterate_runs, matching=matching, most=MAX_ROWS, chunk=CHUNK)
    return _file("runs", run_header(), lambda runs: run_lines(map(timed_run, runs)), parts)


def _file(
    name: str,
    head: bytes,
    lines: Callable[[Sequence[T]], bytes],
    parts_of: Callable[[Transaction], Iterator[Sequence[T]]],
) -> Response:
    """Return the file *name* with the rows of one moment."""

    def content(stack: ExitStack) -> Iterator[bytes]:
        tx = stack.enter_context(open_transaction(reading_pool(), g.workspace_id, snapshot=True))
        return begun(map(lines, parts_of(tx)), head=head)

    return stream_file(content, name=f"{name}.csv", content_type="text/csv; charset=utf-8", event="list_export_failed")
