"""What a leaf of a filter asks of PostgreSQL: a query of leaves.sql, its values, and whether the contrary."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from psycopg.types.json import Jsonb

from schemas.identifiers import Phone, fold_email
from schemas.segment_leaves import ANY_NUMBER, ANY_TIME, ANY_TRUTH, ATTRIBUTES, EQUALITY, INCLUSION, ORDER, REGEX, Leaf

#: Comparisons that are another one's contrary, with that other one.
CONTRARY: Mapping[str, str] = MappingProxyType(
    {
        "not_equal": "equals",
        "does_not_equal": "equals",
        "does_not_include_value": "includes_value",
        "does_not_exist": "exists",
        "is_not": "is",
    }
)
#: Moments before and after all others, as PostgreSQL writes them.
EVER = ("-infinity", "infinity")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A query of leaves.sql and its values; *contrary* asks for the profiles that it does not find."""

    query: str
    values: Mapping[str, Any]
    contrary: bool = False


def question(leaf: Leaf, *, now: datetime) -> Question:
    """Return what *leaf* asks; days count back and forth from *now*."""
    return KINDS[leaf.kind](leaf, now)


def _custom_attribute(leaf: Leaf, now: datetime) -> Question:
    """Ask for a custom attribute: its comparison says what it is taken for."""
    name, value = leaf.given["custom_attribute_name"].strip(), leaf.given.get("value")
    contrary = leaf.comparison in CONTRARY
    if leaf.comparison in EQUALITY and value == 0 and not isinstance(value, bool):
        return Question(query="attribute_is_zero", values={"name": name}, contrary=contrary)
    if leaf.comparison in (*EQUALITY, *INCLUSION):
        held = [value] if leaf.comparison in INCLUSION else value
        return Question(query="attribute_holds", values={"attributes": Jsonb({name: held})}, contrary=contrary)
    if leaf.comparison in REGEX:
        values = {"name": name, "comparison": leaf.comparison, "value": value}
        return Question(query="attribute_matches", values=values)
    if leaf.comparison in ORDER:
        values = {"name": name, "comparison": leaf.comparison, "value": exact(leaf)}
        return Question(query="attribute_compares", values=values)
    if leaf.comparison in CONTRARY or leaf.comparison == "exists":
        return Question(query="attribute_exists", values={"name": name}, contrary=contrary)
    return Question(query="attribute_time", values={"name": name, **_span(leaf, now)})


def _attribute(leaf: Leaf, now: datetime) -> Question:
    """Ask for a default attribute, by its type."""
    name = leaf.given["name"]
    comparison, contrary = _positive(leaf)
    comparisons = ATTRIBUTES[name]
    if comparisons is ANY_TIME and comparison != "exists":
        return Question(query="time_compares", values={"name": name, **_span(leaf, now)})
    if comparisons is ANY_TIME:
        values = {"name": name, **dict(zip(("after", "before"), EVER, strict=True))}
        return Question(query="time_compares", values=values, contrary=contrary)
    if comparisons is ANY_TRUTH:
        return Question(query="test_user_equals", values={"value": leaf.given["value"]}, contrary=contrary)
    if comparisons is ANY_NUMBER:
        values = {"name": name, "comparison": comparison, "value": exact(leaf)}
        return Question(query="number_compares", values=values, contrary=contrary)
    return _text(name, comparison, leaf.given.get("value"), contrary=contrary)


def _text(name: str, comparison: str, value: str | None, *, contrary: bool) -> Question:
    """Ask for a default attribute that is text; addresses are equal when they reach the same person."""
    if comparison == "equals" and name == "email":
        return Question(query="email_equals", values={"value": fold_email(value or "")}, contrary=contrary)
    if comparison == "equals" and name == "phone":
        return Question(query="phone_equals", values={"value": Phone(value or "").key}, contrary=contrary)
    values = {"name": name, "comparison": comparison, "value": value}
    return Question(query="text_compares", values=values, contrary=contrary)


def _external_id(leaf: Leaf, _now: datetime) -> Question:
    """Ask for the external_id."""
    comparison, contrary = _positive(leaf)
    if comparison == "exists":
        return Question(query="external_id_missing" if contrary else "external_id_exists", values={})
    return Question(query="external_id_equals", values={"value": leaf.given["value"]}, contrary=contrary)


def _subscription(query: str) -> Callable[[Leaf, datetime], Question]:
    """Return what asks for a subscription state by *query*."""

    def ask(leaf: Leaf, _now: datetime) -> Question:
        """Ask for it."""
        return Question(query=query, values={"value": leaf.given["value"]}, contrary=leaf.comparison in CONTRARY)

    return ask


def _last_used_app(leaf: Leaf, now: datetime) -> Question:
    """Ask for the time of the last session."""
    return Question(query="time_compares", values={"name": "last_session", **_span(leaf, now)})


def _custom_event(leaf: Leaf, _now: datetime) -> Question:
    """Ask how often an event happened lately."""
    return Question(query="events_lately", values={**leaf.given, "comparison": leaf.comparison})


def _purchase(leaf: Leaf, _now: datetime) -> Question:
    """Ask how often something was purchased lately."""
    values = {"product_id": None, **leaf.given, "comparison": leaf.comparison}
    return Question(query="purchases_lately", values=values)


def _money_spent(leaf: Leaf, _now: datetime) -> Question:
    """Ask how much was spent lately, or ever."""
    days = leaf.given.get("days")
    if days is not None:
        values = {"days": days, "value": exact(leaf), "comparison": leaf.comparison}
        return Question(query="money_lately", values=values)
    ever = {"more_than": "greater_than", "less_than": "less_than", "exactly": "equals"}[leaf.comparison]
    values = {"name": "total_revenue", "comparison": ever, "value": exact(leaf)}
    return Question(query="number_compares", values=values)


def exact(leaf: Leaf) -> Decimal:
    """Return the leaf's number as the client wrote it, which a float's shortest decimal form is."""
    return Decimal(str(leaf.given["value"]))


def _positive(leaf: Leaf) -> tuple[str, bool]:
    """Return the leaf's comparison, or the one whose contrary it is, and whether it is one."""
    return CONTRARY.get(leaf.comparison, leaf.comparison), leaf.comparison in CONTRARY


def _span(leaf: Leaf, now: datetime) -> dict[str, Any]:
    """Return between which moments a time must lie; "less than n days ago" leaves out the future, as at the vendor."""
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


KINDS: Mapping[str, Callable[[Leaf, datetime], Question]] = MappingProxyType(
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
