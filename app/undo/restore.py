"""Restore an orphan: its row, its origins, and the identifiers that no other profile took since."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.merging.profile import Profile
from app.profiles.creation import add_aliases
from app.profiles.deprecation import find_external_id_holders, take_over_external_ids
from app.profiles.store import load_profiles, save_profiles
from app.profiles.targets import find_profiles, target_key
from schemas.identifiers import ExternalId, UserAlias, to_wire

QUERIES = load_queries("app.undo", "restore.sql")

TAKEN = "Profile {braze_id} has it now."
REMOVED = "It was removed since the merge."


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoration:
    """An orphan as it was before its merge, and what the survivor returns to it."""

    orphan: Profile
    survivor_id: int
    #: The aliases that the survivor returns.
    returned: Sequence[UserAlias]
    #: The origins that the orphan brought, its own among them.
    origins: Sequence[int]
    deprecated_external_ids: Sequence[str]

    @property
    def scope(self) -> dict[str, Any]:
        """The parameters of the queries."""
        return {
            "orphan_id": self.orphan.id,
            "survivor_id": self.survivor_id,
            "origins": list(self.origins),
            "external_ids": list(self.deprecated_external_ids),
            "labels": [alias.label for alias in self.returned],
            "names": [alias.name for alias in self.returned],
        }


def restore_orphan(tx: Transaction, restoration: Restoration) -> list[dict[str, Any]]:
    """Insert the orphan again; return its `not_restored` entries: `[{identifier, why}]`.

    The caller has locked the survivor and saved it without the values of the merge. An identifier that another profile
    took since stays there. Raises ResolutionUnsettled when a concurrent transaction takes one.
    """
    orphan = restoration.orphan
    not_restored = _insert_orphan(tx, orphan)
    if orphan.external_id is not None and not not_restored:
        # Ends all redirects and deprecated uses of this external_id, the orphan's own redirect included.
        take_over_external_ids(tx, external_ids=[orphan.external_id])
    tx.execute(QUERIES["return_origins"], restoration.scope)
    tx.execute(QUERIES["delete_redirect"], restoration.scope)
    tx.execute(QUERIES["return_aliases"], restoration.scope)
    tx.execute(QUERIES["return_deprecated"], restoration.scope)
    not_restored += _restore_aliases(tx, orphan)
    return not_restored + _missing_deprecated(tx, restoration)


def _insert_orphan(tx: Transaction, orphan: Profile) -> list[dict[str, Any]]:
    """Insert the row of *orphan*, without its external_id if another profile has that."""
    external_ids = [] if orphan.external_id is None else [orphan.external_id]
    holders = find_external_id_holders(tx, external_ids=external_ids) if external_ids else {}
    ids = {
        "id": orphan.id,
        "braze_id": orphan.braze_id,
        "created_at": orphan.created_at,
        "updated_at": orphan.updated_at,
        "random_bucket": orphan.random_bucket,
    }
    tx.execute(QUERIES["insert_orphan"], ids)
    save_profiles(tx, [dataclasses.replace(orphan, external_id=None) if holders else orphan])
    return [
        _not_restored(tx, ExternalId(external_id), profile_id=holder.profile_id)
        for external_id, holder in holders.items()
    ]


def _restore_aliases(tx: Transaction, orphan: Profile) -> list[dict[str, Any]]:
    """Give *orphan* those of its aliases that no profile has; return the `not_restored` entries of the others."""
    aliases = [UserAlias(label=label, name=name) for label, name in orphan.user_aliases.items()]
    add_aliases(tx, aliases=[(alias, orphan.id) for alias in aliases])
    if orphan.alias_origins:
        labels, origin_ids = list(orphan.alias_origins.keys()), list(orphan.alias_origins.values())
        parameters = {"orphan_id": orphan.id, "labels": labels, "origin_ids": origin_ids}
        tx.execute(QUERIES["return_alias_origins"], parameters)
    found = find_profiles(tx, targets=aliases)
    holders = {alias: found[target_key(alias)].id for alias in aliases if target_key(alias) in found}
    return [
        _not_restored(tx, alias, profile_id=holders.get(alias)) for alias in aliases if holders.get(alias) != orphan.id
    ]


def _missing_deprecated(tx: Transaction, restoration: Restoration) -> list[dict[str, Any]]:
    """Return the `not_restored` entries of the deprecated external_ids that the orphan has lost."""
    orphan, external_ids = restoration.orphan, restoration.deprecated_external_ids
    if not external_ids:
        return []
    found = find_external_id_holders(tx, external_ids=external_ids)
    holders = {external_id: holder.profile_id for external_id, holder in found.items()}
    return [
        _not_restored(tx, ExternalId(each), profile_id=holders.get(each))
        for each in sorted(external_ids)
        if holders.get(each) != orphan.id
    ]


def _not_restored(tx: Transaction, identifier: ExternalId | UserAlias, *, profile_id: int | None) -> dict[str, Any]:
    """Return the `not_restored` entry of *identifier*, which the profile *profile_id* has now, if any has it."""
    ids = [] if profile_id is None else [profile_id]
    braze_ids = [holder.braze_id for holder in load_profiles(tx, ids=ids).values()]
    why = TAKEN.format(braze_id=braze_ids[0]) if braze_ids else REMOVED
    return {"identifier": to_wire(identifier), "why": why}
