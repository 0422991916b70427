"""`/profiles/import`: whole profiles in, one on each line of the body."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from uuid import UUID

from flask import Blueprint, Response, g, request
from flask.typing import ResponseReturnValue

from app.db.budget import begin_budget
from app.db.transaction import Wrapper, unchanged
from app.imports.importing import ImportOutcome
from app.imports.requests import LONGEST_LINE, ImportOptions, Line, import_lines, lines_at_once
from app.ledger.runs import require_open_import
from app.metrics.shares import Resource
from app.users.consent import ConsentRules
from app.web.auth import current_actor, pool, requires, settings
from app.web.idempotent import idempotency_key, respond_once
from app.web.import_stream import ImportStream
from app.web.joining import check_run, joined_run
from app.web.ndjson_bodies import MEDIA, read_lines
from app.web.openapi.describe import NO_IMPORT, NO_RUN, REPEATABLE, Reply, Tag, describe
from app.web.workspace_shares import budget_s, stop_running, stream_turns, take_share
from schemas.import_answers import ImportLineSchema, ImportQuery, dump_outcomes
from schemas.paging import load_query
from schemas.profile import ProfileSchema

blueprint = Blueprint("imports", __name__)

QUERY = ImportQuery()
NDJSON = MEDIA[0]


@describe(
    Tag.PROFILES,
    "Import whole profiles",
    body=ProfileSchema,
    media=MEDIA,
    example={"external_id": "ada", "first_name": "Ada", "custom_attributes": {"plan": "gold"}},
    query=ImportQuery,
    headers=(*REPEATABLE, "Merge-Run"),
    replies={
        200: Reply(
            description="A line for each line of the body, in its order.",
            content={NDJSON: ImportLineSchema},
        ),
        404: NO_RUN,
        409: NO_IMPORT,
        413: "The body has more lines or bytes than a request with an Idempotency-Key may have.",
        415: "The Content-Type is not NDJSON in UTF-8, or the Content-Encoding is not gzip.",
    },
)
@blueprint.post("/profiles/import")
@requires(permission="profiles.import")
def import_profiles_view() -> ResponseReturnValue:
    """Import a profile from each line of the body, in the shape of `/users/export/ids`, and report each line.

    The body may have any length. Each 1,000 lines are one transaction, and their outcomes are sent when they are
    durable: read the response while you send. A line with `error` ends a response that stopped early: send again from
    its `line` on. With an `Idempotency-Key`, a request takes up to 2,000 lines in one transaction, and a repeated one
    gets the first response. A blank line is skipped, a line above 1 MiB is refused. With `Merge-Run`, an open run of
    the kind `import` counts the lines by their result, except those of a dry run.
    """
    with joined_run(require_open_import) as run_id:
        is_one_transaction = idempotency_key() is not None
        if run_id is not None and not is_one_transaction:
            check_run(run_id, require_open_import)
        options = _options(run_id)
        lines = read_lines(longest=LONGEST_LINE)
        with ExitStack() as stack:
            take_share(Resource.IMPORTS, stack)
            # It has a share of its own, and the client may send its lines slowly.
            stop_running()
            if is_one_transaction:
                return _import_at_once(lines, options)
            running = ImportStream(lines, options)
            # Errors of the first lines must appear before the response begins.
            running.import_first()
            end = stack.pop_all().close
            response = Response(running.content(end), content_type=NDJSON)
            # The client may disconnect before the first or the last byte.
            response.call_on_close(end)
        return response


def _options(run_id: UUID | None) -> ImportOptions:
    query = load_query(QUERY, request.args)
    rules = ConsentRules.from_settings(settings())
    return ImportOptions(**query, rules=rules, actor=current_actor(), run_id=run_id)


def _import_at_once(lines: Iterator[Line], options: ImportOptions) -> ResponseReturnValue:
    """Import all *lines* in one transaction, once for each Idempotency-Key; a dry run does not use the key up."""
    taken = lines_at_once(lines)
    # The client may have taken longer for its body than the statements may.
    begin_budget(budget_s())

    def effect(wrap: Wrapper) -> list[ImportOutcome]:
        return import_lines(pool(), workspace_id=g.workspace_id, lines=taken, options=options, wrap=wrap)

    def answer(outcomes: list[ImportOutcome]) -> Response:
        return Response(dump_outcomes(outcomes), content_type=NDJSON)

    with stream_turns()():
        if options.dry_run:
            return answer(effect(unchanged))
        return respond_once(effect, answer, body=_digest(taken, options))


def _digest(lines: Sequence[Line], options: ImportOptions) -> str:
    """Return the digest of a request: of its options and its lines, however they were compressed."""
    digest = hashlib.sha256(f"{options.on_conflict} {options.dry_run}".encode())
    for line in lines:
        digest.update(b"\n" + (line or b""))
    return digest.hexdigest()
