"""Find pairs of live profiles that are not a match. `app/duplicates/exclusions.py` stores them."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.merging.keep_rule import ExcludedPairs

QUERIES = load_queries("app.profiles", "exclusions.sql")


def find_excluded_pairs(tx: Transaction, *, ids: Collection[int]) -> ExcludedPairs:
    """Return the excluded pairs among the live profiles of *ids*."""
    if not ids:
        return frozenset()
    return _pairs(tx.execute(QUERIES["pairs_of_profiles"], {"ids": list(ids)}))


def find_excluded_pairs_of_address(tx: Transaction, *, address: str) -> ExcludedPairs:
    """Return the excluded pairs among the profiles that share the comparison key *address*."""
    return _pairs(tx.execute(QUERIES["pairs_of_address"], {"address": address}))


def _pairs(rows: Iterable[Mapping[str, Any]]) -> ExcludedPairs:
    return frozenset(frozenset((row["one"], row["other"])) for row in rows)
