"""Filters of segments: every leaf of `/segments/query`."""

from fuzz.names import MAY, Json, Names

PROPERTY = {"property": "colour", "days": 7}


def segment(names: Names) -> Json:
    """Return a query with a filter of several leaves."""
    leaves = all_leaves(names)
    some = names.rng.sample(leaves, names.rng.randint(1, 4))
    return {"filter": {"AND": [{"OR": some}, names.rng.choice(leaves)]}, "limit": 2, "fields_to_export": ["email"]}


def all_leaves(names: Names) -> list[Json]:
    """Return a filter of every kind of leaf."""
    return [*_profile_leaves(names), *_activity_leaves(), *_message_leaves(), *_app_leaves(names)]


def _profile_leaves(names: Names) -> list[Json]:
    """Return leaves about attributes and identifiers."""
    return [
        {"custom_attribute": {"custom_attribute_name": "plan", "comparison": "matches_regex", "value": "^go.d$"}},
        {"custom_attribute": {"custom_attribute_name": "visits", "comparison": "greater_than", "value": 1}},
        {"custom_attribute": {"custom_attribute_name": "tags", "comparison": "includes_value", "value": "a"}},
        {"attribute": {"name": "email", "comparison": "equals", "value": names.email()}},
        {"external_id": {"comparison": "exists"}},
        {"email_subscription_status": {"comparison": "is", "value": "opted_in"}},
        {"push_subscription_status": {"comparison": "is_not", "value": "subscribed"}},
        {"last_used_app": {"comparison": "after", "value": MAY}},
    ]


def _activity_leaves() -> list[Json]:
    """Return leaves about events and purchases."""
    counted = {"count_comparison": "exactly", "count": 0}
    summary = {"comparison": "less_than_x_days_ago", "value": 9}
    return [
        {"custom_event": {"name": "login", "comparison": "more_than", "count": 0, "days": 30}},
        {"purchase": {"comparison": "less_than", "count": 9, "days": 3}},
        {"money_spent": {"comparison": "exactly", "value": 9.99, "days": 3}},
        {"custom_event_property": {"name": "login", "comparison": "equals", "value": "red", **PROPERTY}},
        {"custom_event_property": {"name": "login", "comparison": "matches_regex", "value": "^r", **PROPERTY}},
        {"purchase_property": {"product_id": "hat", "comparison": "less_than", "value": 9.5, **PROPERTY, **counted}},
        {"purchase_property": {"comparison": "before", "value": MAY, **PROPERTY}},
        {"custom_event_summary": {"name": "login", "field": "count", "comparison": "more_than", "value": 1}},
        {"purchase_summary": {"product_id": "hat", "field": "last", **summary}},
    ]


def _message_leaves() -> list[Json]:
    """Return leaves about campaigns, canvases and engagements."""
    canvas = {"api_canvas_id": "v1", "comparison": "exists"}
    return [
        {"campaign": {"api_campaign_id": "c1", "comparison": "exists"}},
        {"campaign": {"api_campaign_id": "c1", "field": "converted", "comparison": "equals", "value": True}},
        {"canvas": {"field": "variation_name", **canvas}},
        {"canvas_step": {"api_canvas_step_id": "s1", **canvas}},
        {"engagement": {"event": "opened", "comparison": "after", "value": MAY}},
        {"engagement": {"event": "clicked", **canvas}},
    ]


def _app_leaves(names: Names) -> list[Json]:
    """Return leaves about apps, devices, aliases and subscription groups."""
    return [
        {"app": {"app_id": "shop", "field": "sessions", "comparison": "exactly", "value": 1}},
        {"app": {"app_id": "shop", "field": "platform", "comparison": "not_equal", "value": "iOS"}},
        {"device": {"field": "os", "comparison": "does_not_match_regex", "value": "^i"}},
        {"user_alias": {"alias_label": "shop", "comparison": "equals", "value": names.external_id()}},
        {"subscription_group": {"subscription_group_id": "g1", "comparison": "is", "value": "unknown"}},
    ]
