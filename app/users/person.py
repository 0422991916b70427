"""A person: a live profile with everything that Mergelane stores about it elsewhere.

A deletion erases what these functions find, and a report shows it. So a report lists what a deletion would erase.
"""

from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.ledger import erasure
from app.merging.profile import Profile
from app.profiles.former_names import FormerName, load_former_names, names_of
from app.profiles.targets import find_profiles, target_key
from schemas.identifiers import BrazeId, ExternalId, Identifier

QUERIES = load_queries("app.users", "person.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedProfile:
    """A profile that was merged into the person's."""

    origin_id: int
    braze_id: str
    external_id: str | None
    job_id: UUID
    merged_at: datetime


@dataclass(slots=True, kw_only=True)
class Person:
    """A live profile, the profiles merged into it, and the names that these had before."""

    profile: Profile
    #: The id of the profile first, then those of the profiles merged into it.
    origin_ids: list[int] = field(default_factory=list)
    merged: list[MergedProfile] = field(default_factory=list)
    former: list[FormerName] = field(default_factory=list)

    @property
    def braze_ids(self) -> list[str]:
        """The braze_ids of the profile and of the profiles merged into it."""
        return [self.profile.braze_id, *(each.braze_id for each in self.merged)]

    @property
    def names(self) -> set[Identifier]:
        """All identifiers that the person has and had, except names that only the records of merges have."""
        merged = {ExternalId(each.external_id) for each in self.merged if each.external_id is not None}
        return names_of(self.profile) | merged | {each.name for each in self.former}


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerOfPerson:
    """The jobs about a person."""

    #: Ended jobs of the profiles of the person, and ended jobs that found no profile by one of their names.
    job_ids: AbstractSet[UUID]
    #: Unfinished jobs that name the person, with the sides that do.
    unfinished: Collection[erasure.UnfinishedJob]


def load_persons(tx: Transaction, *, profiles: Collection[Profile]) -> list[Person]:
    """Return the persons of live *profiles*."""
    persons = {profile.id: Person(profile=profile, origin_ids=[profile.id]) for profile in profiles}
    owner = {profile_id: profile_id for profile_id in persons}
    for row in tx.execute(QUERIES["origins_of_profiles"], {"ids": list(persons)}):
        owner[row["origin_id"]] = row["profile_id"]
        persons[row["profile_id"]].origin_ids.append(row["origin_id"])
    for row in tx.execute(QUERIES["redirects_of_origins"], {"origin_ids": list(owner)}):
        persons[owner[row["origin_id"]]].merged.append(MergedProfile(**row))
    for former in load_former_names(tx, origin_ids=owner.keys()):
        persons[owner[former.origin_id]].former.append(former)
    return list(persons.values())


def ledger_of_persons(tx: Transaction, *, persons: Collection[Person]) -> Mapping[int, LedgerOfPerson]:
    """Return the jobs about each of *persons*, by the id of its profile.

    Names that the profiles had before merges count. A name that another live profile has now does not: the job may be
    about that profile.
    """
    of_profiles: dict[int, set[UUID]] = {}
    names: dict[int, dict[erasure.Key, Identifier]] = {}
    for person in persons:
        found = erasure.jobs_of_profiles(tx, braze_ids=person.braze_ids)
        own = person.names | erasure.names_before_merges(tx, job_ids=found)
        of_profiles[person.profile.id] = found
        names[person.profile.id] = {target_key(name): name for name in own}
    holders = find_profiles(tx, targets=[name for own in names.values() for name in own.values()])
    taken = {key for key, holder in holders.items() if holder.id not in of_profiles}
    ledger: dict[int, LedgerOfPerson] = {}
    for person in persons:
        profile_id = person.profile.id
        keys = names[profile_id].keys() - taken
        braze_ids = {target_key(BrazeId(each)) for each in person.braze_ids}
        ledger[profile_id] = LedgerOfPerson(
            job_ids=of_profiles[profile_id] | erasure.jobs_naming(tx, keys=keys),
            unfinished=erasure.unfinished_jobs_naming(tx, keys=keys | braze_ids),
        )
    return ledger
