"""Translate a leaf of a filter into a query of leaves.sql or summary_leaves.sql and its values."""

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType

from psycopg.types.json import Jsonb

from app.segments.leaf_query import NEGATIONS, LeafQuery, exact_number, positive_comparison, time_range
from app.segments.summary_leaves import SUMMARY_KINDS
from schemas.identifiers import Phone, email_key
from schemas.segment_comparisons import ANY_NUMBER, ANY_TIME, ANY_TRUTH, EQUALITY, INCLUSION, ORDER, REGEX, Leaf
from schemas.segment_leaves import ATTRIBUTES


def leaf_query(leaf: Leaf, *, now: datetime) -> LeafQuery:
    """Return the query of *leaf*; days count from *now*."""
    return KINDS[leaf.kind](leaf, now)


def _custom_attribute(leaf: Leaf, now: datetime) -> LeafQuery:
    """Query a custom attribute; its comparison decides which type it is read as."""
    name, value = leaf.given["custom_attribute_name"].strip(), leaf.given.get("value")
    negated = leaf.comparison in NEGATIONS
    if leaf.comparison in EQUALITY and value == 0 and not isinstance(value, bool):
        return LeafQuery(query="attribute_is_zero", values={"name": name}, negated=negated)
    if leaf.comparison in (*EQUALITY, *INCLUSION):
        held = [value] if leaf.comparison in INCLUSION else value
        return LeafQuery(query="attribute_holds", values={"attributes": Jsonb({name: held})}, negated=negated)
    if leaf.comparison in REGEX:
        values = {"name": name, "comparison": leaf.comparison, "value": value}
        return LeafQuery(query="attribute_matches", values=values)
    if leaf.comparison in ORDER:
        values = {"name": name, "comparison": leaf.comparison, "value": exact_number(leaf)}
        return LeafQuery(query="attribute_compares", values=values)
    if leaf.comparison in NEGATIONS or leaf.comparison == "exists":
        return LeafQuery(query="attribute_exists", values={"name": name}, negated=negated)
    return LeafQuery(query="attribute_time", values={"name": name, **time_range(leaf, now)})


def _attribute(leaf: Leaf, now: datetime) -> LeafQuery:
    name = leaf.given["name"]
    comparison, negated = positive_comparison(leaf)
    comparisons = ATTRIBUTES[name]
    if comparisons is ANY_TIME:
        return LeafQuery(query="time_compares", values={"name": name, **time_range(leaf, now)}, negated=negated)
    if comparisons is ANY_TRUTH:
        return LeafQuery(query="test_user_equals", values={"value": leaf.given["value"]}, negated=negated)
    if comparisons is ANY_NUMBER:
        values = {"name": name, "comparison": comparison, "value": exact_number(leaf)}
        return LeafQuery(query="number_compares", values=values, negated=negated)
    return _text(name, comparison, leaf.given.get("value"), negated=negated)


def _text(name: str, comparison: str, value: str | None, *, negated: bool) -> LeafQuery:
    """Query a default attribute that is text. Email addresses and phone numbers compare by their keys."""
    if comparison == "equals" and name == "email":
        return LeafQuery(query="email_equals", values={"value": email_key(value or "")}, negated=negated)
    if comparison == "equals" and name == "phone":
        return LeafQuery(query="phone_equals", values={"value": Phone(value or "").key}, negated=negated)
    values = {"name": name, "comparison": comparison, "value": value}
    return LeafQuery(query="text_compares", values=values, negated=negated)


def _external_id(leaf: Leaf, _now: datetime) -> LeafQuery:
    comparison, negated = positive_comparison(leaf)
    if comparison == "exists":
        return LeafQuery(query="external_id_missing" if negated else "external_id_exists", values={})
    return LeafQuery(query="external_id_equals", values={"value": leaf.given["value"]}, negated=negated)


def _subscription(query: str) -> Callable[[Leaf, datetime], LeafQuery]:
    def query_state(leaf: Leaf, _now: datetime) -> LeafQuery:
        return LeafQuery(query=query, values={"value": leaf.given["value"]}, negated=leaf.comparison in NEGATIONS)

    return query_state


def _last_used_app(leaf: Leaf, now: datetime) -> LeafQuery:
    return LeafQuery(query="time_compares", values={"name": "last_session", **time_range(leaf, now)})


def _custom_event(leaf: Leaf, _now: datetime) -> LeafQuery:
    return LeafQuery(query="recent_events", values={**leaf.given, "comparison": leaf.comparison})


def _purchase(leaf: Leaf, _now: datetime) -> LeafQuery:
    values = {"product_id": None, **leaf.given, "comparison": leaf.comparison}
    return LeafQuery(query="recent_purchases", values=values)


def _money_spent(leaf: Leaf, _now: datetime) -> LeafQuery:
    days = leaf.given.get("days")
    if days is not None:
        values = {"days": days, "value": exact_number(leaf), "comparison": leaf.comparison}
        return LeafQuery(query="recent_revenue", values=values)
    ever = {"more_than": "greater_than", "less_than": "less_than", "exactly": "equals"}[leaf.comparison]
    values = {"name": "total_revenue", "comparison": ever, "value": exact_number(leaf)}
    return LeafQuery(query="number_compares", values=values)


KINDS: Mapping[str, Callable[[Leaf, datetime], LeafQuery]] = MappingProxyType(
    {
        "custom_attribute": _custom_attribute,
        "attribute": _attribute,
        "external_id": _external_id,
        "push_subscription_status": _subscription("push_subscription_is"),
        "email_subscription_status": _subscription("email_subscription_is"),
        "last_used_app": _last_used_app,
        "custom_event": _custom_event,
        "purchase": _purchase,
        "money_spent": _money_spent,
        **SUMMARY_KINDS,
    }
)
