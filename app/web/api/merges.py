"""`/users/merge`, its preview, and `/users/identify`: requests that become a batch of merge jobs."""

from http import HTTPStatus

from flask import Blueprint, g, jsonify
from flask.typing import ResponseReturnValue

from app.lane.preview import preview_merges
from app.web.accepted import accept_request, accepted_response
from app.web.auth import json_body, pool, requires, settings
from app.web.joining import joined_run
from app.web.openapi.describe import BATCH_HEADERS, JOINING, JOINING_CONFLICT, NO_RUN, Tag, describe, reply
from app.web.reading import visible_preview
from app.web.workspace_shares import query_share
from schemas.identify import IdentifyRequestSchema, load_identify
from schemas.jobs import IdentifyAcceptedSchema
from schemas.merge import MergeAcceptedSchema, MergePreviewSchema, MergeRequestSchema, dump_previews, load_merge
from schemas.outcomes import JobKind

blueprint = Blueprint("merges", __name__, url_prefix="/users")


@describe(
    Tag.USERS,
    "Merge up to 50 pairs of profiles",
    body=MergeRequestSchema,
    example={
        "merge_updates": [
            {"identifier_to_merge": {"external_id": "ada-2"}, "identifier_to_keep": {"external_id": "ada"}}
        ]
    },
    headers=JOINING,
    replies={202: reply(MergeAcceptedSchema, *BATCH_HEADERS), 404: NO_RUN, 409: JOINING_CONFLICT},
)
@blueprint.post("/merge")
@requires(permission="users.merge")
def merge_view() -> ResponseReturnValue:
    """Accept a batch of merges: all of them or none. The `Location` header has the URL of their outcomes.

    The merges are durable when the response leaves, and run afterwards.
    """
    with joined_run() as run_id:
        body = json_body()
        accepted = accept_request(JobKind.MERGE, load_merge(body), body=body, run_id=run_id)
    return accepted_response(accepted, status=HTTPStatus.ACCEPTED, message="success")


@describe(
    Tag.MERGES,
    "Preview merges without changing anything",
    body=MergeRequestSchema,
    replies={200: MergePreviewSchema},
)
@blueprint.post("/merge/preview")
@requires(permission="users.merge")
def preview_merges_view() -> ResponseReturnValue:
    """Return the outcome and the changes that each merge of the body would have now. Nothing is written.

    The body is that of `/users/merge`. Each merge sees the effects of those before it. The code of the workers decides,
    in a transaction that is rolled back. A change has its values if the key may read profiles (`users.export.ids` or
    `audit.read`).
    """
    updates = load_merge(json_body())
    with query_share():
        previews = preview_merges(pool(), settings(), workspace_id=g.workspace_id, updates=updates)
    return jsonify(dump_previews([visible_preview(each) for each in previews]))


@describe(
    Tag.USERS,
    "Give unidentified profiles their external_id, up to 50 of each array",
    body=IdentifyRequestSchema,
    headers=JOINING,
    replies={201: reply(IdentifyAcceptedSchema, *BATCH_HEADERS), 404: NO_RUN, 409: JOINING_CONFLICT},
)
@blueprint.post("/identify")
@requires(permission="users.identify")
def identify_view() -> ResponseReturnValue:
    """Accept a batch of profiles to identify: they get their external_id, or are merged into the profile that has it.

    Valid objects become jobs; `errors` has one entry for each other object. The response is sent when the jobs have
    finished, and `batch` contains their outcomes. After `MERGELANE_IDENTIFY_WAIT_S` seconds, by default 10, it is sent
    with jobs that still run. `Prefer: wait=N` sets another time, `Prefer: respond-async` responds at once. The counts
    are those of accepted objects, as in the vendor's API. Later merges and identifications that name an identifier of
    an unfinished one wait for it.
    """
    with joined_run() as run_id:
        body = json_body()
        request = load_identify(body)
        places = [update.index for update in request.updates]
        accepted = accept_request(JobKind.IDENTIFY, request.updates, body=body, places=places, run_id=run_id)
    return accepted_response(
        accepted, status=HTTPStatus.CREATED, default_wait_s=settings().identify_wait_s, **request.answer()
    )
