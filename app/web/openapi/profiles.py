"""Profiles, all or a single one. Mergelane's own."""

from collections.abc import Mapping

from app.web.openapi.parts import (
    BAD_REQUEST,
    COUNT,
    CURSOR,
    GONE,
    LIMIT,
    MISSING,
    NOT_FOUND,
    OK,
    REJECTED,
    STRING,
    Operation,
    Tag,
    an_object,
    answer,
    query,
    schema,
    words,
)
from app.web.openapi.shown import NULLABLE_MOMENT
from schemas.activity import MAX_DAYS
from schemas.profile import ProfileSchema
from schemas.profile_pages import ProfilePageSchema

MERGED_AWAY = answer("The profile was merged away, and where to.", schema("Message"), "Link")
DAYS = {"type": "integer", "minimum": 1, "maximum": MAX_DAYS}

OPERATIONS: Mapping[str, Operation] = {
    "GET /profiles": Operation(
        tag=Tag.PROFILES,
        summary="Page all profiles, in an order that does not change",
        parameters=(LIMIT, CURSOR),
        answers={OK: answer("A page of profiles.", ProfilePageSchema), BAD_REQUEST: REJECTED},
    ),
    "GET /profiles/{braze_id}": Operation(
        tag=Tag.PROFILES,
        summary="Read a profile",
        answers={
            OK: answer("The profile, without members that have no value.", ProfileSchema),
            MISSING: NOT_FOUND,
            GONE: MERGED_AWAY,
        },
    ),
    "GET /profiles/{braze_id}/activity": Operation(
        tag=Tag.PROFILES,
        summary="Count what a profile did in the last days",
        parameters=(
            query("event", STRING, "Count this custom event. One of event, product_id and purchases is required."),
            query("product_id", STRING, "Count purchases of this product."),
            query("purchases", STRING, "Count all purchases; its value says nothing."),
            query("days", DAYS, "How many days back.", required=True),
            query("property", STRING, "Count only what has this property; `value` belongs to it."),
            query("value", STRING, "The property's value, as text."),
        ),
        answers={
            OK: answer(
                "How often, from when to when; for purchases, the money spent as well.",
                an_object(
                    ("message", "braze_id", "days", "count", "first", "last"),
                    message=words("success"),
                    braze_id=STRING,
                    event=STRING,
                    product_id=STRING,
                    property=STRING,
                    value=STRING,
                    days=DAYS,
                    count=COUNT,
                    first=NULLABLE_MOMENT,
                    last=NULLABLE_MOMENT,
                    money_spent={"type": "number"},
                ),
            ),
            BAD_REQUEST: REJECTED,
            MISSING: NOT_FOUND,
            GONE: MERGED_AWAY,
        },
    ),
}
