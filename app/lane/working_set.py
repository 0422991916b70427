"""The working set of a lane: its locked profiles, as the lane's merges so far have left them."""

from collections.abc import Mapping
from dataclasses import replace

from app.merging.keep_rule import ExcludedPairs
from app.merging.prioritization import NoCandidate, Resolved
from app.merging.profile import Profile
from app.profiles.resolution import Inherited, MergedAway, Resolution
from schemas.identifiers import Email, ExternalId, Member, Phone, Recorded, UserAlias


class WorkingSet:
    """Locked profiles by id. Merges change them in memory; they are written once, at the end.

    A job sees the merges before it: `reresolve` corrects the resolution of an external_id or an alias in memory. An
    address whose profiles changed is stale: it must be resolved again in the database, after a save.
    """

    def __init__(self, profiles: Mapping[int, Profile], *, excluded: ExcludedPairs = frozenset()) -> None:
        self._profiles = dict(profiles)
        self._excluded = excluded
        self._survivor_of: dict[int, int] = {}
        self._changed: set[int] = set()
        self._touched_addresses: set[tuple[str, str]] = set()
        self._identified: dict[str, int] = {}

    def __getitem__(self, profile_id: int) -> Profile:
        """Return the profile as the merges so far have left it."""
        return self._profiles[profile_id]

    @property
    def survivors(self) -> list[Profile]:
        """The changed profiles that are still live."""
        return [self._profiles[profile_id] for profile_id in self._changed - self._survivor_of.keys()]

    @property
    def retired(self) -> dict[int, int]:
        """The id of each orphan → the id of the live profile that has its history now."""
        return {orphan_id: self._live_id(orphan_id) for orphan_id in self._survivor_of}

    def is_excluded(self, *, orphan_id: int, survivor_id: int) -> bool:
        """Return whether the two are an excluded pair, or contain one by the merges so far."""
        pair = {self._live_id(orphan_id), self._live_id(survivor_id)}
        return any({self._live_id(each) for each in excluded} == pair for excluded in self._excluded)

    def is_stale(self, identifier: Recorded) -> bool:
        """Return whether *identifier* is an address of a profile that this lane has changed."""
        return not self._touched_addresses.isdisjoint(_address(identifier))

    def reresolve(self, identifier: Recorded, resolution: Resolution) -> Resolution:
        """Return the resolution of *identifier* after the merges so far; *resolution* is the one from before them."""
        match resolution:
            case NoCandidate() if isinstance(identifier, ExternalId) and identifier.value in self._identified:
                return self.reresolve(identifier, Resolved(self._identified[identifier.value]))
            case Resolved(profile_id) if profile_id in self._survivor_of:
                return self._after_merge(identifier, resolution)
            case MergedAway(survivor_id=survivor_id):
                return replace(resolution, survivor_id=self._live_id(survivor_id))
            case _:
                return resolution

    def apply_merge(self, *, merged: Profile, orphan: Profile) -> None:
        """Replace the survivor by *merged*, and retire *orphan*."""
        for profile in (self._profiles[merged.id], orphan, merged):
            self._touched_addresses |= _addresses(profile)
        self._profiles[merged.id] = merged
        self._changed.add(merged.id)
        self._survivor_of[orphan.id] = merged.id

    def apply_identify(self, profile: Profile) -> None:
        """Replace the profile of that id by *profile*, which has its new external_id."""
        if profile.external_id is not None:
            self._identified[profile.external_id] = profile.id
        self._touched_addresses |= _addresses(profile)
        self._profiles[profile.id] = profile
        self._changed.add(profile.id)

    def _live_id(self, profile_id: int) -> int:
        """Return the id of the live profile at the end of the merges from *profile_id*."""
        while profile_id in self._survivor_of:
            profile_id = self._survivor_of[profile_id]
        return profile_id

    def _after_merge(self, identifier: Recorded, resolution: Resolved) -> Resolution:
        """Return the resolution of *identifier* after its profile in *resolution* was merged."""
        orphan = self._profiles[resolution.id]
        if isinstance(identifier, ExternalId):
            return self._external_id_after_merge(orphan)
        if isinstance(identifier, Member):
            return self._merged_away(orphan)
        survivor = self._profiles[self._live_id(orphan.id)]
        if isinstance(identifier, UserAlias) and survivor.user_aliases.get(identifier.label) == identifier.name:
            first = resolution.from_orphan if isinstance(resolution, Inherited) else self._merged_away(orphan)
            return Inherited(survivor.id, replace(first, survivor_id=survivor.id))
        return NoCandidate()

    def _external_id_after_merge(self, holder: Profile) -> Resolution:
        """Return the resolution of an external_id of *holder*, primary or deprecated, after the merges.

        Both follow the primary one to a survivor that takes it over, and stay with the orphan otherwise.
        """
        while holder.id in self._survivor_of:
            survivor = self._profiles[self._survivor_of[holder.id]]
            if holder.external_id is None or survivor.external_id != holder.external_id:
                return self._merged_away(holder)
            holder = survivor
        return Resolved(holder.id)

    def _merged_away(self, orphan: Profile) -> MergedAway:
        return MergedAway(
            orphan_id=orphan.id,
            braze_id=orphan.braze_id,
            external_id=orphan.external_id,
            survivor_id=self._live_id(orphan.id),
        )


def _address(identifier: Recorded) -> set[tuple[str, str]]:
    """Return the kind and key of *identifier* if it is an address, else nothing."""
    match identifier:
        case Email(key=key):
            return {("email", key)}
        case Phone(key=str(key)):
            return {("phone", key)}
        case ExternalId() | UserAlias() | Member() | Phone():
            return set()


def _addresses(profile: Profile) -> set[tuple[str, str]]:
    """Return the kind and key of each address of *profile*."""
    email = {("email", profile.email.key)} if profile.email else set()
    phone = {("phone", profile.phone.e164)} if profile.phone and profile.phone.e164 else set()
    return email | phone
