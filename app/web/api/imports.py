"""`/profiles/import`: whole profiles in, one on each line of the body."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

from flask import Blueprint, Response, g, request
from flask.typing import ResponseReturnValue

from app.db.budget import begin_budget
from app.imports.requests import LONGEST_LINE, ImportOptions, Line, import_lines_once, lines_at_once
from app.ledger.idempotency import IdempotencyKey
from app.metrics.shares import Resource
from app.users.consent import ConsentRules
from app.web.accepted import requested_key
from app.web.auth import current_actor, pool, requires, settings
from app.web.import_stream import ImportStream
from app.web.ndjson_bodies import MEDIA, read_lines
from app.web.openapi.describe import IDEMPOTENCY_CONFLICT, Reply, Tag, describe
from app.web.workspace_shares import budget_s, take_share
from schemas.import_answers import ImportLineSchema, ImportQuery
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
    headers=("Idempotency-Key",),
    replies={
        200: Reply(
            description="A line for each line of the body, in its order.",
            headers=("Idempotent-Replayed?",),
            content={NDJSON: ImportLineSchema},
        ),
        409: IDEMPOTENCY_CONFLICT,
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
    gets the first response. A blank line is skipped, a line above 1 MiB is refused.
    """
    query = load_query(QUERY, request.args)
    rules = ConsentRules.from_settings(settings())
    options = ImportOptions(**query, rules=rules, actor=current_actor())
    key = requested_key()
    lines = read_lines(longest=LONGEST_LINE)
    with ExitStack() as stack:
        take_share(Resource.IMPORTS, stack)
        if key is not None:
            return _import_at_once(lines, options, key=key)
        running = ImportStream(lines, options)
        # Errors of the first lines must appear before the response begins.
        running.import_first()
        end = stack.pop_all().close
        response = Response(running.content(end), content_type=NDJSON)
        # The client may disconnect before the first or the last byte.
        response.call_on_close(end)
    return response


def _import_at_once(lines: Iterator[Line], options: ImportOptions, *, key: str) -> Response:
    """Import all *lines* in one transaction."""
    taken = lines_at_once(lines)
    given = IdempotencyKey(key=key, body_digest=_digest(taken, options), hours=settings().idempotency_hours)
    # The client may have taken longer for its body than the statements may.
    begin_budget(budget_s())
    reply = import_lines_once(
        pool(), workspace_id=g.workspace_id, lines=taken, options=options, idempotency=given, path=request.path
    )
    response = Response(reply.body, content_type=NDJSON)
    if reply.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response


def _digest(lines: Sequence[Line], options: ImportOptions) -> bytes:
    """Return the digest of a request: of its options and its lines, however they were compressed."""
    digest = hashlib.sha256(f"{options.on_conflict} {options.dry_run}".encode())
    for line in lines:
        digest.update(b"\n" + (line or b""))
    return digest.digest()
