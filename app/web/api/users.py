"""`/users/*` except merges: track, aliases, deletion, export and external_ids.

An effect is committed when the response leaves. The requests and responses are the vendor's.
"""

import copy
from http import HTTPStatus

from flask import Blueprint, g
from flask.typing import ResponseReturnValue

from app.db.transaction import open_transaction
from app.imports.counted_objects import count_objects
from app.ledger.runs import require_open_import
from app.users.aliases import give_aliases, update_aliases
from app.users.delete import delete_profiles
from app.users.export import export_profiles
from app.users.external_ids import remove_external_ids, rename_external_ids
from app.users.track import TrackResult, track_entries
from app.web.auth import current_actor, json_body, pool, requires, settings
from app.web.idempotent import respond_once
from app.web.joining import joined_run
from app.web.openapi.describe import NO_IMPORT, NO_RUN, REPEATABLE, Tag, describe
from schemas.aliases import (
    AliasesProcessedSchema,
    AliasesRefusedSchema,
    AliasUpdatesSchema,
    NewAliasesSchema,
    load_alias_updates,
    load_aliases,
)
from schemas.base import RefusedSchema
from schemas.deletion import DeletedSchema, DeletionSchema, load_deletion
from schemas.export import ExportedSchema, ExportSchema, load_export
from schemas.external_ids import (
    RemovalsSchema,
    RemovedSchema,
    RenamedSchema,
    RenamesSchema,
    load_removals,
    load_renames,
)
from schemas.profile import ProfileSchema
from schemas.track import TrackedSchema, TrackRequest, TrackRequestSchema, load_track

blueprint = Blueprint("users", __name__, url_prefix="/users")


@describe(
    Tag.USERS,
    "Record attributes, events, purchases, sessions and engagements",
    body=TrackRequestSchema,
    headers=(*REPEATABLE, "Merge-Run"),
    replies={201: TrackedSchema, 400: RefusedSchema, 404: NO_RUN, 409: NO_IMPORT},
)
@blueprint.post("/track")
@requires(permission="users.track")
def track_view() -> ResponseReturnValue:
    """Apply the valid objects and report the error of each other one; 400 if none is valid.

    With `Merge-Run`, an open run of the kind `import` counts the objects by their result: `accepted`, `refused`, and
    `unprocessed` for those without a profile.
    """
    with joined_run(require_open_import) as run_id:
        body = json_body()
        request = load_track(body, refused=settings().refused_identifiers)
        if run_id is None and not request.entries:
            return _tracked(request, TrackResult())
        return respond_once(
            lambda once: track_entries(
                pool(),
                workspace_id=g.workspace_id,
                entries=request.entries,
                settings=settings(),
                asker=current_actor(),
                once=once if run_id is None else count_objects(run_id, request, once),
            ),
            lambda effects: _tracked(copy.deepcopy(request), effects),
            body=body,
            errors_count=run_id is not None,
        )


def _tracked(request: TrackRequest, effects: TrackResult) -> ResponseReturnValue:
    """Return the response to *request*, to which it adds *effects*."""
    for position, reason in effects.refused.items():
        request.refuse(position, reason)
    for position, reason in effects.ignored:
        request.warn(position, reason)
    for position, departure in effects.without_profile.items():
        request.skip(position, departure)
    return request.answer(), HTTPStatus.CREATED if request.accepted else HTTPStatus.BAD_REQUEST


@describe(
    Tag.USERS,
    "Add aliases to profiles, or create profiles with an alias only",
    body=NewAliasesSchema,
    headers=REPEATABLE,
    replies={201: AliasesProcessedSchema, 400: AliasesRefusedSchema},
)
@blueprint.post("/alias/new")
@requires(permission="users.alias.new")
def add_aliases_view() -> ResponseReturnValue:
    """Add the valid aliases and report the error of each other object; 400 if none is valid."""
    body = json_body()
    request = load_aliases(body, placeholders=settings().refused_identifiers)
    if request.errors and not request.aliases:
        return request.answer(), HTTPStatus.BAD_REQUEST
    return respond_once(
        lambda once: give_aliases(pool(), workspace_id=g.workspace_id, aliases=request.aliases, once=once),
        lambda given: (request.answer(given.skipped, uncounted=given.uncounted), HTTPStatus.CREATED),
        body=body,
    )


@describe(
    Tag.USERS,
    "Rename aliases",
    body=AliasUpdatesSchema,
    headers=REPEATABLE,
    replies={201: AliasesProcessedSchema, 400: AliasesRefusedSchema},
)
@blueprint.post("/alias/update")
@requires(permission="users.alias.update")
def update_aliases_view() -> ResponseReturnValue:
    """Rename the aliases of the valid objects and report the error of each other one; 400 if none is valid."""
    body = json_body()
    request = load_alias_updates(body, placeholders=settings().refused_identifiers)
    if request.errors and not request.updates:
        return request.answer(), HTTPStatus.BAD_REQUEST
    return respond_once(
        lambda once: update_aliases(pool(), workspace_id=g.workspace_id, updates=request.updates, once=once),
        lambda skipped: (request.answer(skipped), HTTPStatus.CREATED),
        body=body,
    )


@describe(
    Tag.USERS,
    "Erase up to 50 people",
    body=DeletionSchema,
    headers=REPEATABLE,
    replies={201: DeletedSchema},
)
@blueprint.post("/delete")
@requires(permission="users.delete")
def delete_users_view() -> ResponseReturnValue:
    """Erase every profile that the request names, and return the number of identifiers in the request.

    The number includes identifiers without a profile, except braze_ids. `warnings` lists all of them.
    """
    body = json_body()
    request = load_deletion(body)
    return respond_once(
        lambda once: delete_profiles(
            pool(), workspace_id=g.workspace_id, request=request, asker=current_actor(), once=once
        ),
        lambda skipped: (request.answer(skipped), HTTPStatus.CREATED),
        body=body,
    )


@describe(Tag.USERS, "Read profiles by any of their identifiers", body=ExportSchema, replies={201: ExportedSchema})
@blueprint.post("/export/ids")
@requires(permission="users.export.ids")
def export_users_view() -> ResponseReturnValue:
    """Return the requested profiles, the external_ids without a profile, and the identifiers of too many profiles."""
    request = load_export(json_body())
    with open_transaction(pool(), g.workspace_id) as tx:
        found = export_profiles(tx, request=request)
    profile = ProfileSchema(only=request.fields and request.fields & ProfileSchema().fields.keys())
    unknown = {"invalid_user_ids": found.unknown_external_ids} if found.unknown_external_ids else {}
    truncated = {"truncated": found.truncated} if found.truncated else {}
    users = [profile.dump(each) for each in found.profiles]
    return {"users": users, "message": "success", **unknown, **truncated}, HTTPStatus.CREATED


@describe(
    Tag.USERS,
    "Give up to 50 profiles new external_ids",
    body=RenamesSchema,
    headers=REPEATABLE,
    replies={201: RenamedSchema},
)
@blueprint.post("/external_ids/rename")
@requires(permission="users.external_ids.rename")
def rename_external_ids_view() -> ResponseReturnValue:
    """Give profiles new external_ids and report the error of each failed rename. Old external_ids keep resolving."""
    body = json_body()
    request = load_renames(body, placeholders=settings().refused_identifiers)
    return respond_once(
        lambda once: rename_external_ids(
            pool(), workspace_id=g.workspace_id, renames=request.renames, asker=current_actor(), once=once
        ),
        lambda refused: (request.answer(refused), HTTPStatus.CREATED),
        body=body,
    )


@describe(
    Tag.USERS,
    "Remove up to 50 deprecated external_ids",
    body=RemovalsSchema,
    headers=REPEATABLE,
    replies={201: RemovedSchema},
)
@blueprint.post("/external_ids/remove")
@requires(permission="users.external_ids.remove")
def remove_external_ids_view() -> ResponseReturnValue:
    """Remove deprecated external_ids, which no longer resolve, and report the error of each failed removal."""
    body = json_body()
    request = load_removals(body)
    return respond_once(
        lambda once: remove_external_ids(
            pool(), workspace_id=g.workspace_id, external_ids=request.external_ids, asker=current_actor(), once=once
        ),
        lambda refused: (request.answer(refused), HTTPStatus.CREATED),
        body=body,
    )
