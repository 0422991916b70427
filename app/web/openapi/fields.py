"""JSON Schema for those of our fields that marshmallow's own types do not describe."""

from collections.abc import Mapping
from typing import Any

from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import Schema, fields

from app.web.openapi.parts import Json, schema
from app.web.openapi.shown import PROPERTIES
from schemas import attributes, duplicates, history, jobs, merge, profile, segment_leaves, segments
from schemas import fields as ours
from schemas.identifiers import MAX_ALIAS_BYTES, MAX_EXTERNAL_ID_BYTES
from schemas.prioritization import Priority
from schemas.prioritization_checks import Prioritization

#: Type and format by field.
TYPES: Mapping[type[fields.Field[Any]], tuple[str | list[str], str | None]] = {
    ours.ExternalIdText: (["string", "integer"], None),
    ours.Truth: ("boolean", None),
    ours.Number: ("number", None),
    ours.Moment: ("string", None),
    ours.Day: ("string", "date"),
    ours.Object: ("object", None),
    attributes.Country: ("string", None),
    history.Price: ("number", None),
    history.Quantity: ("integer", None),
    Prioritization: ("array", None),
    merge.MergeUpdates: ("array", None),
    jobs.Instant: ("string", "date-time"),
    jobs.Cursor: ("string", None),
    profile.MomentText: ("string", "date-time"),
    profile.DayText: ("string", "date"),
    profile.Units: ("number", None),
    profile.Entries: ("array", None),
    duplicates.TimeOfDay: ("string", None),
    duplicates.TimeZone: ("string", None),
    segments.PageEnd: ("string", None),
    segment_leaves.Whole: ("integer", None),
}

#: What else is to be said, by field.
DETAILS: Mapping[type[fields.Field[Any]], Json] = {
    ours.ExternalIdText: {
        "description": f"At most {MAX_EXTERNAL_ID_BYTES} bytes in UTF-8. A whole number is taken as its digits.",
    },
    ours.AliasText: {"description": f"At most {MAX_ALIAS_BYTES} bytes in UTF-8; compared to the letter."},
    ours.EmailText: {"description": "Compared trimmed and case-folded."},
    ours.BrazeIdText: {"pattern": "^[0-9A-Fa-f]{24}$"},
    ours.Moment: {
        "description": "A moment in ISO 8601 form; without a zone it is UTC. Kept in whole milliseconds.",
        "examples": ["2026-05-01T12:00:00Z"],
    },
    ours.Object: {"additionalProperties": True},
    attributes.Country: {"description": "ISO 3166-1 alpha-2; any other text is stored as no country."},
    duplicates.TimeOfDay: {"pattern": f"^{duplicates.CLOCK.pattern}$", "description": "Hours and minutes."},
    duplicates.TimeZone: {"description": "A name of the IANA time zone database.", "examples": ["Europe/Berlin"]},
    history.Currency: {"pattern": "^[A-Za-z]{3}$", "description": "ISO 4217."},
    history.Price: {"minimum": -history.MAX_PRICE, "maximum": history.MAX_PRICE, "description": "Negative: a refund."},
    history.Quantity: {"minimum": 1, "maximum": history.MAX_QUANTITY, "description": "n stands for n purchases."},
    Prioritization: schema("Prioritization"),
    segments.FilterField: schema("SegmentFilter"),
    merge.MergeUpdates: {"items": schema("MergeUpdate"), "maxItems": merge.MAX_UPDATES},
}

#: The ordered filters of an email or phone identifier.
PRIORITIZATION: Json = {
    "type": "array",
    "items": {"type": "string", "enum": list(Priority)},
    "minItems": 1,
    "maxItems": 2,
    "uniqueItems": True,
    "description": "Filters, one after the other, over all profiles with the address; a merge happens only when exactly"
    " one is left. `identified` excludes `unidentified`, and `most_recently_updated` excludes"
    " `least_recently_updated`.",
}


def teach(plugin: MarshmallowPlugin) -> None:
    """Have *plugin*, which is part of a spec, describe our fields."""
    for field, (kind, form) in TYPES.items():
        plugin.map_to_openapi_type(field, kind, form)
    if plugin.converter is not None:
        plugin.converter.add_attribute_function(details)


def details(_: Any, field: fields.Field[Any], **__: Any) -> Json:
    """Return what is to be said of *field* beside its type: by its name in what it is part of, or by its own class."""
    whole = type(field.parent)
    if issubclass(whole, Schema) and (shown := PROPERTIES.get(whole, {}).get(field.name or "")) is not None:
        return shown
    return next((DETAILS[kind] for kind in type(field).__mro__ if kind in DETAILS), {})
