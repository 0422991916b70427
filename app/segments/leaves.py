"""Translate a leaf of a filter into a query of leaves.sql and its values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from psycopg.types.json import Jsonb

from schemas.identifiers import Phone, fold_email
from schemas.segment_leaves import ANY_NUMBER, ANY_TIME, ANY_TRUTH, ATTRIBUTES, EQUALITY, INCLUSION, ORDER, REGEX, Leaf

#: Negated comparison → the comparison that it negates.
NEGATIONS: Mapping[str, str] = MappingProxyType(
    {
        "not_equal": "equals",
        "does_not_equal": "equals",
        "does_not_include_value": "includes_value",
        "does_not_exist": "exists",
        "is_not": "is",
    }
)
#: Times before and after all others, as PostgreSQL writes them.
EVER = ("-infinity", "infinity")


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafQuery:
    """A query of leaves.sql and its values. *negated* selects the profiles that the query does not find."""

    query: str
    values: Mapping[str, Any]
    negated: bool = False


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
    return LeafQuery(query="attribute_time", values={"name": name, **_time_range(leaf, now)})


def _attribute(leaf: Leaf, now: datetime) -> LeafQuery:
    name = leaf.given["name"]
    comparison, negated = _positive(leaf)
    comparisons = ATTRIBUTES[name]
    if comparisons is ANY_TIME and comparison != "exists":
        return LeafQuery(query="time_compares", values={"name": name, **_time_range(leaf, now)})
    if comparisons is ANY_TIME:
        values = {"name": name, **dict(zip(("after", "before"), EVER, strict=True))}
        return LeafQuery(query="time_compares", values=values, negated=negated)
    if comparisons is ANY_TRUTH:
        return LeafQuery(query="test_user_equals", values={"value": leaf.given["value"]}, negated=negated)
    if comparisons is ANY_NUMBER:
        values = {"name": name, "comparison": comparison, "value": exact_number(leaf)}
        return LeafQuery(query="number_compares", values=values, negated=negated)
    return _text(name, comparison, leaf.given.get("value"), negated=negated)


def _text(name: str, comparison: str, value: str | None, *, negated: bool) -> LeafQuery:
    """Query a default attribute that is text. Email addresses and phone numbers compare by their keys."""
    if comparison == "equals" and name == "email":
        return LeafQuery(query="email_equals", values={"value": fold_email(value or "")}, negated=negated)
    if comparison == "equals" and name == "phone":
        return LeafQuery(query="phone_equals", values={"value": Phone(value or "").key}, negated=negated)
    values = {"name": name, "comparison": comparison, "value": value}
    return LeafQuery(query="text_compares", values=values, negated=negated)


def _external_id(leaf: Leaf, _now: datetime) -> LeafQuery:
    comparison, negated = _positive(leaf)
    if comparison == "exists":
        return LeafQuery(query="external_id_missing" if negated else "external_id_exists", values={})
    return LeafQuery(query="external_id_equals", values={"value": leaf.given["value"]}, negated=negated)


def _subscription(query: str) -> Callable[[Leaf, datetime], LeafQuery]:
    def query_state(leaf: Leaf, _now: datetime) -> LeafQuery:
        return LeafQuery(query=query, values={"value": leaf.given["value"]}, negated=leaf.comparison in NEGATIONS)

    return query_state


def _last_used_app(leaf: Leaf, now: datetime) -> LeafQuery:
    return LeafQuery(query="time_compares", values={"name": "last_session", **_time_range(leaf, now)})


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


def exact_number(leaf: Leaf) -> Decimal:
    """Return the leaf's number as the client wrote it: the shortest decimal form of the float."""
    return Decimal(str(leaf.given["value"]))


def _positive(leaf: Leaf) -> tuple[str, bool]:
    """Return the leaf's comparison, or the one that it negates, and whether it is negated."""
    return NEGATIONS.get(leaf.comparison, leaf.comparison), leaf.comparison in NEGATIONS


def _time_range(leaf: Leaf, now: datetime) -> dict[str, Any]:
    """Return the bounds of a time. "Less than n days ago" excludes the future, as at the vendor."""
    value = leaf.given["value"]
    days = timedelta(days=0 if isinstance(value, datetime) else value)
    after, before = {
        "after": (value, EVER[1]),
        "before": (EVER[0], value),
        "less_than_x_days_ago": (now - days, now),
        "greater_than_x_days_ago": (EVER[0], now - days),
        "less_than_x_days_in_the_future": (now, now + days),
        "greater_than_x_days_in_the_future": (now + days, EVER[1]),
    }[leaf.comparison]
    return {"after": after, "before": before}


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
    }
)
