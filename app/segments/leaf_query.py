"""A query of the files of leaves and its values: what a leaf of a filter becomes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from schemas.segment_comparisons import EXISTENCE, Leaf

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
    """A named query and its values. *negated* selects the profiles that the query does not find."""

    query: str
    values: Mapping[str, Any]
    negated: bool = False


def exact_number(leaf: Leaf) -> Decimal:
    """Return the leaf's number as the client wrote it: the shortest decimal form of the float."""
    return Decimal(str(leaf.given["value"]))


def positive_comparison(leaf: Leaf) -> tuple[str, bool]:
    """Return the leaf's comparison, or the one that it negates, and whether it is negated."""
    return NEGATIONS.get(leaf.comparison, leaf.comparison), leaf.comparison in NEGATIONS


def time_range(leaf: Leaf, now: datetime) -> dict[str, Any]:
    """Return the bounds of a time. "Less than n days ago" excludes the future, as at the vendor."""
    if leaf.comparison in EXISTENCE:
        return dict(zip(("after", "before"), EVER, strict=True))
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
