"""The profiles that a lane has in hand: locked, loaded, and as the lane's earlier merges left them."""

from collections.abc import Mapping

from app.merging.prioritization import Denoted, NotFound
from app.merging.profile import Profile
from app.profiles.resolution import MergedAway, Resolution
from schemas.identifiers import Email, ExternalId, Member, Phone, Recorded, UserAlias


class Hand:
    """Locked profiles by id, changed in memory merge by merge and written once at the end.

    Later jobs of a lane see what earlier ones did: exact identifiers are followed here; an address whose profiles
    changed must be looked up again in the database, after a save.
    """

    def __init__(self, profiles: Mapping[int, Profile]) -> None:
        """Take the locked *profiles* in hand."""
        self._profiles = dict(profiles)
        self._survivor_of: dict[int, int] = {}
        self._changed: set[int] = set()
        self._touched_addresses: set[tuple[str, str]] = set()
        self._identified: dict[str, int] = {}

    def __getitem__(self, profile_id: int) -> Profile:
        """Return the profile as it stands now."""
        return self._profiles[profile_id]

    @property
    def survivors(self) -> list[Profile]:
        """The changed profiles that are still live."""
        return [self._profiles[profile_id] for profile_id in self._changed - self._survivor_of.keys()]

    @property
    def retired(self) -> dict[int, int]:
        """Each orphan's id with the id of the live profile that its history now reads under."""
        return {orphan_id: self._live(orphan_id) for orphan_id in self._survivor_of}

    def is_stale(self, identifier: Recorded) -> bool:
        """Return whether *identifier* is an address whose profiles this lane has changed since it was resolved."""
        return not self._touched_addresses.isdisjoint(_address(identifier))

    def follow(self, identifier: Recorded, resolved: Resolution) -> Resolution:
        """Return what *identifier*, *resolved* before the lane began, denotes now."""
        match resolved:
            case NotFound() if isinstance(identifier, ExternalId) and identifier.value in self._identified:
                return self.follow(identifier, Denoted(self._identified[identifier.value]))
            case Denoted(profile_id) if profile_id in self._survivor_of:
                return self._after_merge(identifier, profile_id)
            case MergedAway(orphan_id=orphan_id, braze_id=braze_id, external_id=external_id, survivor_id=survivor_id):
                return MergedAway(
                    orphan_id=orphan_id,
                    braze_id=braze_id,
                    external_id=external_id,
                    survivor_id=self._live(survivor_id),
                )
            case _:
                return resolved

    def absorb(self, *, merged: Profile, orphan: Profile) -> None:
        """Put the survivor *merged* in place of what it was, and retire *orphan*."""
        for profile in (self._profiles[merged.id], orphan, merged):
            self._touched_addresses |= _addresses(profile)
        self._profiles[merged.id] = merged
        self._changed.add(merged.id)
        self._survivor_of[orphan.id] = merged.id

    def identify(self, profile: Profile) -> None:
        """Put *profile*, which has just got its external_id, in place of what it was."""
        if profile.external_id is not None:
            self._identified[profile.external_id] = profile.id
        self._touched_addresses |= _addresses(profile)
        self._profiles[profile.id] = profile
        self._changed.add(profile.id)

    def _live(self, profile_id: int) -> int:
        """Return the live profile that *profile_id* was merged into, itself when it was not."""
        while profile_id in self._survivor_of:
            profile_id = self._survivor_of[profile_id]
        return profile_id

    def _after_merge(self, identifier: Recorded, orphan_id: int) -> Resolution:
        """Return what *identifier*, which denoted the orphan *orphan_id*, denotes after the orphan's merge."""
        if isinstance(identifier, ExternalId):
            return self._after_merge_by_external_id(self._profiles[orphan_id])
        if isinstance(identifier, Member):
            return self._merged_away(self._profiles[orphan_id])
        survivor = self._profiles[self._live(orphan_id)]
        if isinstance(identifier, UserAlias) and survivor.user_aliases.get(identifier.label) == identifier.name:
            return Denoted(survivor.id)
        return NotFound()

    def _after_merge_by_external_id(self, holder: Profile) -> Resolution:
        """Return what an external_id, which denoted *holder*, denotes after the merges.

        Primary or deprecated, it goes to the survivor that takes over the primary one, else it stays with the orphan.
        """
        while holder.id in self._survivor_of:
            survivor = self._profiles[self._survivor_of[holder.id]]
            if holder.external_id is None or survivor.external_id != holder.external_id:
                return self._merged_away(holder)
            holder = survivor
        return Denoted(holder.id)

    def _merged_away(self, orphan: Profile) -> MergedAway:
        """Return that *orphan* was merged away, and where it went."""
        return MergedAway(
            orphan_id=orphan.id,
            braze_id=orphan.braze_id,
            external_id=orphan.external_id,
            survivor_id=self._live(orphan.id),
        )


def _address(identifier: Recorded) -> set[tuple[str, str]]:
    """Return the address that *identifier* names, if it names one."""
    match identifier:
        case Email():
            return {("email", identifier.key)}
        case Phone():
            return {("phone", identifier.key)}
        case ExternalId() | UserAlias() | Member():
            return set()


def _addresses(profile: Profile) -> set[tuple[str, str]]:
    """Return the addresses that *profile* has."""
    email = {("email", profile.email.key)} if profile.email else set()
    phone = {("phone", profile.phone.key)} if profile.phone else set()
    return email | phone
