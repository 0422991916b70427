"""The vendor's endpoints."""

from collections.abc import Mapping

from marshmallow import Schema

from app.web.openapi.batches import BATCH_HEADERS, SAFE_TO_REPEAT, SUCCESS, accepted
from app.web.openapi.parts import (
    ACCEPTED,
    BAD_REQUEST,
    CONFLICT,
    COUNT,
    CREATED,
    OK,
    REJECTED,
    STRING,
    Json,
    Operation,
    Tag,
    an_array,
    an_object,
    answer,
    schema,
    words,
)
from schemas import alias_updates, aliases, external_ids, identify, track
from schemas.deletion import DeletionSchema
from schemas.export import ExportSchema
from schemas.merge import MergeRequest
from schemas.preview import RehearsedSchema
from schemas.profile import ProfileSchema

ERRORS = an_array(schema("RefusedObject"), least=1)
AGAIN = answer(
    "The Idempotency-Key was given to another body, or the first request with it is still being answered.",
    schema("Message"),
)
NOTHING_SOUND = answer("Nothing in the request is sound; nothing took effect.", schema("Refused"))
EXTERNAL_ID: Json = {"type": ["string", "integer"], "minLength": 1, "maxLength": 987}
#: `[place, sentence]` for each refused object.
REFUSALS = an_array(an_array({"type": ["integer", "string"]}, least=2, most=2))


def arrays_of(schemas: Mapping[str, type[Schema]], most: int) -> Json:
    """Return the body of a request with arrays of objects, each array with its own schema."""
    return an_object(**{name: an_array(shape, most=most, nullable=True) for name, shape in schemas.items()})


OPERATIONS: Mapping[str, Operation] = {
    "POST /users/merge": Operation(
        tag=Tag.USERS,
        summary="Merge up to 50 pairs of profiles",
        body=MergeRequest,
        parameters=SAFE_TO_REPEAT,
        answers={
            ACCEPTED: answer("The batch is durable.", accepted(["message"], message=SUCCESS), *BATCH_HEADERS),
            BAD_REQUEST: REJECTED,
            CONFLICT: AGAIN,
        },
    ),
    "POST /users/merge/preview": Operation(
        tag=Tag.MERGES,
        summary="Rehearse merges: what they would do now",
        body=MergeRequest,
        answers={
            OK: answer(
                "What would become of each update; nothing was written.",
                an_object(("message", "updates"), message=SUCCESS, updates=an_array(RehearsedSchema)),
            ),
            BAD_REQUEST: REJECTED,
        },
    ),
    "POST /users/identify": Operation(
        tag=Tag.USERS,
        summary="Give up to 50 unidentified profiles their external_id",
        body=arrays_of({name: type(array.schema) for name, array in identify.ARRAYS.items()}, identify.MAX_OBJECTS),
        parameters=SAFE_TO_REPEAT,
        answers={
            CREATED: answer(
                "What was accepted is durable. The counts are of the arrays that were sent.",
                accepted(
                    ["message"],
                    message=SUCCESS,
                    errors=ERRORS,
                    **{array.count: COUNT for array in identify.ARRAYS.values()},
                ),
                *BATCH_HEADERS,
            ),
            BAD_REQUEST: REJECTED,
            CONFLICT: AGAIN,
        },
    ),
    "POST /users/track": Operation(
        tag=Tag.USERS,
        summary="Record attributes, events, purchases, sessions and engagements",
        body=arrays_of({name: type(shape) for name, shape in track.ARRAYS.items()}, track.MAX_OBJECTS),
        answers={
            CREATED: answer(
                "What is sound has taken effect.",
                an_object(
                    ("message",),
                    message=SUCCESS,
                    errors=ERRORS,
                    warnings={**ERRORS, "description": "Objects of which a part had no effect, and why. Ours."},
                    **dict.fromkeys((f"{name}_processed" for name in track.ARRAYS), COUNT),
                ),
            ),
            BAD_REQUEST: NOTHING_SOUND,
        },
    ),
    "POST /users/alias/new": Operation(
        tag=Tag.USERS,
        summary="Give profiles aliases, or make profiles that have nothing else",
        body=an_object(("user_aliases",), user_aliases=an_array(aliases.NewAliasSchema, most=aliases.MAX_ALIASES)),
        answers={
            CREATED: answer(
                "The aliases that are sound are there.",
                an_object(("aliases_processed", "message"), aliases_processed=COUNT, message=SUCCESS, errors=ERRORS),
            ),
            BAD_REQUEST: answer(
                "Nothing in the request is sound; nothing took effect.",
                an_object(("message",), aliases_processed=COUNT, message=STRING, errors=ERRORS),
            ),
        },
    ),
    "POST /users/alias/update": Operation(
        tag=Tag.USERS,
        summary="Rename aliases",
        body=an_object(
            ("alias_updates",),
            alias_updates=an_array(alias_updates.AliasUpdateSchema, most=alias_updates.MAX_UPDATES),
        ),
        answers={
            CREATED: answer(
                "The aliases whose objects are sound have their new names.",
                an_object(("aliases_processed", "message"), aliases_processed=COUNT, message=SUCCESS, errors=ERRORS),
            ),
            BAD_REQUEST: answer(
                "Nothing in the request is sound; nothing took effect.",
                an_object(("message",), aliases_processed=COUNT, message=STRING, errors=ERRORS),
            ),
        },
    ),
    "POST /users/delete": Operation(
        tag=Tag.USERS,
        summary="Erase up to 50 people",
        body=DeletionSchema,
        answers={
            CREATED: answer(
                "They are erased. Identifiers that mean nobody are counted too.",
                an_object(("deleted", "message"), deleted=COUNT, message=SUCCESS),
            ),
            BAD_REQUEST: REJECTED,
        },
    ),
    "POST /users/external_ids/rename": Operation(
        tag=Tag.USERS,
        summary="Give up to 50 profiles new external_ids",
        body=an_object(
            ("external_id_renames",),
            external_id_renames=an_array(external_ids.RenameSchema, least=1, most=external_ids.MAX_IDS),
        ),
        answers={
            CREATED: answer(
                "What could be renamed is; each refusal is `[place, sentence]`.",
                an_object(
                    ("external_ids", "rename_errors", "message"),
                    external_ids=an_array(
                        an_object(
                            ("current_external_id", "new_external_id"),
                            current_external_id=STRING,
                            new_external_id=STRING,
                        )
                    ),
                    rename_errors=REFUSALS,
                    message=SUCCESS,
                ),
            ),
            BAD_REQUEST: REJECTED,
        },
    ),
    "POST /users/external_ids/remove": Operation(
        tag=Tag.USERS,
        summary="Let up to 50 deprecated external_ids mean nobody",
        body=an_object(("external_ids",), external_ids=an_array(EXTERNAL_ID, least=1, most=external_ids.MAX_IDS)),
        answers={
            CREATED: answer(
                "What could be removed is; each refusal is `[place, sentence]`.",
                an_object(
                    ("removed_ids", "removal_errors", "message"),
                    removed_ids=an_array(STRING),
                    removal_errors=REFUSALS,
                    message=SUCCESS,
                ),
            ),
            BAD_REQUEST: REJECTED,
        },
    ),
    "POST /users/export/ids": Operation(
        tag=Tag.USERS,
        summary="Read profiles by any of their identifiers",
        body=ExportSchema,
        answers={
            CREATED: answer(
                "The profiles, without members that have no value.",
                an_object(
                    ("users", "message"),
                    users=an_array(ProfileSchema),
                    message=SUCCESS,
                    invalid_user_ids={**an_array(STRING, least=1), "description": "External ids that nobody has."},
                    truncated={
                        **an_array(words("email_address", "phone", "device_id"), least=1),
                        "description": "What more profiles share than are shown. Ours.",
                    },
                ),
            ),
            BAD_REQUEST: REJECTED,
        },
    ),
}
