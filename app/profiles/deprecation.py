"""Deprecated external_ids: former external_ids of renamed profiles. They keep resolving until they are removed.

At most one live profile has an external_id, as its primary or as a deprecated one. One unique index guards primary and
another deprecated external_ids. `take_over_external_ids` guards between the two: every caller that gives a profile an
external_id must call it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.errors import ResolutionUnsettled
from app.profiles.former_names import record_former_names
from schemas.identifiers import ExternalId

QUERIES = load_queries("app.profiles", "deprecation.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalIdHolder:
    """The live profile that has an external_id, and whether it is its primary one."""

    profile_id: int
    is_primary: bool


def find_external_id_holders(tx: Transaction, *, external_ids: Collection[str]) -> dict[str, ExternalIdHolder]:
    """Return the holders of *external_ids* by external_id, without a lock."""
    rows = tx.execute(QUERIES["find_external_id_holders"], _parameters(external_ids))
    return {row["external_id"]: ExternalIdHolder(profile_id=row["id"], is_primary=row["is_primary"]) for row in rows}


def take_over_external_ids(tx: Transaction, *, external_ids: Collection[str]) -> None:
    """End redirects and deprecated external_ids of merged-away profiles that use *external_ids*.

    Call it after this transaction gave *external_ids* to profiles. Raises ResolutionUnsettled when one is now a live
    profile's deprecated external_id. No such profile is missed: a transaction that has the external_id in the unique
    index of profiles has waited for every transaction that renamed another profile from it.
    """
    if tx.execute(QUERIES["take_over_external_ids"], _parameters(external_ids)).fetchall():
        raise ResolutionUnsettled("An external_id became another profile's deprecated one before it could be given.")


def deprecate_external_ids(tx: Transaction, *, profile_ids: Mapping[str, int], now: datetime) -> None:
    """Make external_ids resolve as deprecated ones; *profile_ids* maps each to the profile that had it."""
    parameters = {"external_ids": list(profile_ids.keys()), "profile_ids": list(profile_ids.values()), "now": now}
    tx.execute(QUERIES["deprecate_external_ids"], parameters)


def remove_deprecated_external_ids(tx: Transaction, *, external_ids: Collection[str]) -> dict[str, str | None]:
    """Remove the deprecated ones among *external_ids*; return the braze_id of the profile that had each.

    They become former names of these profiles.
    """
    rows = tx.execute(QUERIES["remove_deprecated_external_ids"], _parameters(external_ids)).fetchall()
    record_former_names(tx, names=[(row["profile_id"], ExternalId(row["external_id"])) for row in rows])
    return {row["external_id"]: row["braze_id"] for row in rows}


def _parameters(external_ids: Collection[str]) -> dict[str, list[str]]:
    return {"external_ids": sorted(set(external_ids))}
