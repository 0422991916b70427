"""Translate the leaves about properties, summaries, messages, apps, devices, aliases and groups.

Only properties read the history. The other leaves read what the profile holds: its summaries have counts and times,
which merges combine.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from psycopg.types.json import Jsonb

from app.profiles.history import CAMPAIGN_TIMES, CANVAS_TIMES
from app.segments.leaf_query import NEGATIONS, LeafQuery, exact_number, positive_comparison, time_range
from schemas.segment_comparisons import (
    ANY_TIME,
    ANY_TRUTH,
    DISTANCE,
    INCLUSION,
    MOMENTS,
    ORDER,
    REGEX,
    Comparisons,
    Leaf,
)
from schemas.segment_summary_leaves import ACTIVITY, ANY_COUNT, APP, CAMPAIGN, CANVAS, STEP

#: The parameters of recent_properties that depend on the comparison; they stay NULL if it does not need them.
UNUSED: Mapping[str, Any] = MappingProxyType(dict.fromkeys(("json", "pattern", "number", "after", "before")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A column of the profile with a JSON document, and the path to the entry that a leaf compares.

    An element of *path* in braces is the name of a member of the leaf, which has the key. *fields* are the fields of
    the entry.
    """

    document: str
    path: tuple[str, ...]
    fields: Mapping[str, Comparisons]


STORED: Mapping[str, Stored] = MappingProxyType(
    {
        "custom_event_summary": Stored(document="custom_events", path=("{name}",), fields=ACTIVITY),
        "purchase_summary": Stored(document="purchases", path=("{product_id}",), fields=ACTIVITY),
        "app": Stored(document="apps", path=("{app_id}",), fields=APP),
        "campaign": Stored(document="campaigns_received", path=("{api_campaign_id}",), fields=CAMPAIGN),
        "canvas": Stored(document="canvases_received", path=("{api_canvas_id}",), fields=CANVAS),
        "canvas_step": Stored(
            document="canvases_received",
            path=("{api_canvas_id}", "steps_received", "{api_canvas_step_id}"),
            fields=STEP,
        ),
    }
)


def _property(leaf: Leaf, now: datetime) -> LeafQuery:
    """Query a property; the query negates, because each event or purchase is compared by itself."""
    of_events = leaf.kind == "custom_event_property"
    comparison, negated = positive_comparison(leaf)
    values = {
        **UNUSED,
        "of": "custom_event" if of_events else "purchase",
        "name": leaf.given.get("name" if of_events else "product_id"),
        "property": leaf.given["property"],
        "days": leaf.given["days"],
        "count_comparison": leaf.given.get("count_comparison", "more_than"),
        "count": leaf.given.get("count", 0),
        "comparison": comparison,
        "negated": negated,
    }
    value = leaf.given.get("value")
    if leaf.comparison in ORDER:
        values["number"] = exact_number(leaf)
    elif leaf.comparison in REGEX:
        values["pattern"] = value
    elif leaf.comparison in (*DISTANCE, *MOMENTS):
        values |= {"comparison": "time", **time_range(leaf, now)}
    else:
        values["json"] = Jsonb([value] if leaf.comparison in INCLUSION else value)
    return LeafQuery(query="recent_properties", values=values)


def _stored_field(leaf: Leaf, now: datetime) -> LeafQuery:
    """Query a field of an entry of a document, by the type of the field."""
    stored, field = STORED[leaf.kind], leaf.given["field"]
    keys = [leaf.given[part[1:-1]] if part.startswith("{") else part for part in stored.path]
    place = {"document": stored.document, "path": [*keys, field]}
    comparison, negated = positive_comparison(leaf)
    comparisons = stored.fields[field]
    if comparisons is ANY_TIME:
        return LeafQuery(query="summary_time", values={**place, **time_range(leaf, now)}, negated=negated)
    if comparisons is ANY_TRUTH:
        return LeafQuery(query="summary_is", values={**place, "value": Jsonb(leaf.given["value"])}, negated=negated)
    values = {**place, "comparison": comparison, "value": leaf.given.get("value")}
    query = "summary_count" if comparisons is ANY_COUNT else "summary_text"
    return LeafQuery(query=query, values=values, negated=negated)


def _engagement(leaf: Leaf, now: datetime) -> LeafQuery:
    """Query the last time of an event of any message, or whether the event happened for one message."""
    event, negated = leaf.given["event"], leaf.comparison in NEGATIONS
    campaign, canvas = leaf.given.get("api_campaign_id"), leaf.given.get("api_canvas_id")
    if campaign is None and canvas is None:
        values = {"document": "last_interactions", "path": [f"last_{event}_at"], **time_range(leaf, now)}
        return LeafQuery(query="summary_time", values=values, negated=negated)
    times = CANVAS_TIMES if campaign is None else CAMPAIGN_TIMES
    entry = [times[event]] if event in times else [event] if event == "converted" else ["engaged", event]
    document = "canvases_received" if campaign is None else "campaigns_received"
    values = {"document": document, "path": [canvas or campaign, *entry]}
    return LeafQuery(query="summary_exists", values=values, negated=negated)


def _device(leaf: Leaf, _now: datetime) -> LeafQuery:
    """Query a field of all devices as text; true and false are the texts of JSON."""
    comparison, negated = positive_comparison(leaf)
    value = leaf.given.get("value")
    text = str(value).lower() if isinstance(value, bool) else value
    values = {"field": leaf.given["field"], "comparison": comparison, "value": text}
    return LeafQuery(query="device_compares", values=values, negated=negated)


def _user_alias(leaf: Leaf, _now: datetime) -> LeafQuery:
    comparison, negated = positive_comparison(leaf)
    values = {"label": leaf.given["alias_label"]}
    if comparison == "exists":
        return LeafQuery(query="alias_exists", values=values, negated=negated)
    values["value"] = leaf.given["value"]
    if comparison == "equals":
        return LeafQuery(query="alias_equals", values=values, negated=negated)
    return LeafQuery(query="alias_matches", values={**values, "comparison": comparison})


def _subscription_group(leaf: Leaf, _now: datetime) -> LeafQuery:
    values = {"group": leaf.given["subscription_group_id"], "value": leaf.given["value"]}
    return LeafQuery(query="subscription_group_is", values=values, negated=leaf.comparison in NEGATIONS)


SUMMARY_KINDS: Mapping[str, Callable[[Leaf, datetime], LeafQuery]] = MappingProxyType(
    {
        "custom_event_property": _property,
        "purchase_property": _property,
        **dict.fromkeys(STORED, _stored_field),
        "engagement": _engagement,
        "device": _device,
        "user_alias": _user_alias,
        "subscription_group": _subscription_group,
    }
)
