"""Builds filters of segments, and the history that they find."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

Json = dict[str, Any]
#: Returns the external_ids of the profiles that a filter finds, in alphabetical order.
Find = Callable[[Any], list[str]]


def shown(value: Any) -> str:
    """Return the id of a test's parameter: a comparison without its value, which may be the current time."""
    return str(value[0]) if isinstance(value, tuple) else str(value)


def ago(**span: float) -> str:
    """Return the time *span* before now, in ISO 8601."""
    return (datetime.now(UTC) - timedelta(**span)).isoformat()


def leaf(kind: str, comparison: str, *value: Any, **members: Any) -> Json:
    return {kind: {**members, "comparison": comparison, **({"value": value[0]} if value else {})}}


def event(external_id: str, properties: Json | None = None, name: str = "login", **span: float) -> Json:
    return {"external_id": external_id, "name": name, "time": ago(**span), "properties": properties}


def purchase(external_id: str, properties: Json | None = None, product: str = "hat", **span: float) -> Json:
    money = {"product_id": product, "currency": "USD", "price": 1.0}
    return {"external_id": external_id, **money, "time": ago(**span), "properties": properties}
