"""A profile that was merged away lives again: its row, its history, and the identifiers that nobody took since."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Jsonb

from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.merging.profile import Profile
from app.profiles.creation import add_aliases
from app.profiles.deprecation import find_external_id_holders, take_over_external_ids
from app.profiles.store import load_profiles, profile_to_row
from app.profiles.targets import find_profiles, target_key
from schemas.identifiers import ExternalId, UserAlias, to_wire

QUERIES = load_queries("app.undo", "restore.sql")

TAKEN = "Profile {braze_id} has it now."
REMOVED = "It was removed since the merge."


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoration:
    """A profile as it is to be again, and what it is to get back from the survivor of its merge."""

    orphan: Profile
    survivor_id: int
    #: The aliases that the survivor gives back.
    returned: Sequence[UserAlias]
    #: The origins that the orphan brought, its own among them.
    origins: Sequence[int]
    deprecated_external_ids: Sequence[str]

    @property
    def scope(self) -> dict[str, Any]:
        """The parameters that queries take it by."""
        return {
            "orphan_id": self.orphan.id,
            "survivor_id": self.survivor_id,
            "origins": list(self.origins),
            "external_ids": list(self.deprecated_external_ids),
            "labels": [alias.label for alias in self.returned],
            "names": [alias.name for alias in self.returned],
        }


def restore(tx: Transaction, restoration: Restoration) -> list[dict[str, Any]]:
    """Make the orphan again; return `[{identifier, why}]`, the identifiers that it could not get back.

    The survivor is locked and has given back what it got. An identifier that somebody took since stays with them.
    Raises ResolutionUnsettled when somebody takes one at this moment.
    """
    orphan = restoration.orphan
    not_restored = _insert(tx, orphan)
    if orphan.external_id is not None and not not_restored:
        # The redirect is ended by this too, and so is what others left behind under this external_id.
        take_over_external_ids(tx, external_ids=[orphan.external_id])
    tx.execute(QUERIES["return_origins"], restoration.scope)
    tx.execute(QUERIES["end_merge"], restoration.scope)
    tx.execute(QUERIES["return_aliases"], restoration.scope)
    tx.execute(QUERIES["return_deprecated"], restoration.scope)
    not_restored += _give_aliases(tx, orphan)
    return not_restored + _missing_deprecated(tx, restoration)


def _insert(tx: Transaction, orphan: Profile) -> list[dict[str, Any]]:
    """Write the row of *orphan*; without its external_id, and told so, when somebody has that."""
    external_id = orphan.external_id
    asked = [] if external_id is None else [external_id]
    held = find_external_id_holders(tx, external_ids=asked) if asked else {}
    row = profile_to_row(orphan) | ({"external_id": None} if held else {})
    tx.execute(QUERIES["restore_profile"], {"row": Jsonb(row)})
    return [_told(tx, orphan, ExternalId(taken), profile_id=holder.profile_id) for taken, holder in held.items()]


def _give_aliases(tx: Transaction, orphan: Profile) -> list[dict[str, Any]]:
    """Give *orphan* its other aliases, those that nobody has; return what is told of those that somebody has."""
    aliases = [UserAlias(label=label, name=name) for label, name in orphan.user_aliases.items()]
    add_aliases(tx, aliases=[(alias, orphan.id) for alias in aliases])
    found = find_profiles(tx, targets=aliases)
    held = {alias: found[target_key(alias)].id for alias in aliases if target_key(alias) in found}
    return [_told(tx, orphan, alias, profile_id=held.get(alias)) for alias in aliases if held.get(alias) != orphan.id]


def _missing_deprecated(tx: Transaction, restoration: Restoration) -> list[dict[str, Any]]:
    """Return what is told of the deprecated external_ids that the orphan had and has no more."""
    orphan, asked = restoration.orphan, restoration.deprecated_external_ids
    if not asked:
        return []
    found = find_external_id_holders(tx, external_ids=asked)
    held = {external_id: holder.profile_id for external_id, holder in found.items()}
    return [
        _told(tx, orphan, ExternalId(each), profile_id=held.get(each))
        for each in sorted(asked)
        if held.get(each) != orphan.id
    ]


def _told(
    tx: Transaction, orphan: Profile, identifier: ExternalId | UserAlias, *, profile_id: int | None
) -> dict[str, Any]:
    """Return what is told of an identifier that *orphan* does not get back: who has it, or that nobody has."""
    ids = [] if profile_id is None else [profile_id]
    names = [holder.braze_id for holder in load_profiles(tx, ids=ids).values()]
    return {"identifier": to_wire(identifier), "why": TAKEN.format(braze_id=names[0]) if names else REMOVED}
