"""The world of the model: all people, their identifiers, and the effects of requests and jobs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from fuzz.model.consent import EMAIL_GROUP, SMS_GROUP
from fuzz.model.duplicates import Pair, pairs_of_duplicates
from fuzz.model.filters import FILTERS
from fuzz.model.happenings import ARRAYS
from fuzz.model.people import E164, Json, Person, absorb, describe, email_key, origin_key, reported_tokens
from fuzz.model.undoing import Merge

#: Values that many unrelated people share, as listed in the documents.
PLACEHOLDERS = frozenset({"", "null", "undefined", "anonymous", "0", "nan", "none", "[object object]"})
#: Orphans that one survivor may absorb in a day, in the runs of the model.
SURVIVOR_LIMIT = 4
#: The settings of the product in the runs of the model.
SETTINGS: Json = {
    "survivor_limit": SURVIVOR_LIMIT,
    "email_groups": frozenset({EMAIL_GROUP}),
    "sms_groups": frozenset({SMS_GROUP}),
    # The model has no time limits, and a busy machine may exceed the defaults.
    "pool_timeout_s": 60.0,
    "silence_s": 60.0,
    "statement_timeout_ms": 60_000,
    "lock_timeout_ms": 60_000,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One requested pair: its kind, and both identifiers as in requests."""

    kind: str
    orphan: Json
    survivor: Json

    def names(self) -> set[tuple[str, ...]]:
        """Return its normalized identifiers."""
        return {_name(self.orphan), _name(self.survivor)}


def _name(identifier: Json) -> tuple[str, ...]:
    """Return *identifier* in normalized form."""
    if "external_id" in identifier:
        return ("external_id", identifier["external_id"])
    if "user_alias" in identifier:
        return ("alias", identifier["user_alias"]["alias_label"], identifier["user_alias"]["alias_name"])
    if "email" in identifier:
        return ("email", email_key(identifier["email"]))
    return ("phone", E164[identifier["phone"]] or identifier["phone"])


@dataclass(frozen=True, slots=True)
class Ended:
    """The expected result of a job: its outcome and its profiles."""

    outcome: str
    orphan: Person | None = None
    survivor: Person | None = None


#: The resolution of an identifier for a merge: a live profile, none, too many, or a merged-away one.
Meaning = Person | str


@dataclass
class World:
    """All people, and the current step of the model."""

    people: list[Person] = field(default_factory=list)
    #: Merged-away profiles by external_id, for redirects.
    redirects: dict[str, Person] = field(default_factory=dict)
    #: Merged-away profiles, whose URL returns 410, and deleted ones.
    gone: list[Person] = field(default_factory=list)
    deleted: list[Person] = field(default_factory=list)
    #: Merges that were not undone, and whose audit no deletion may have erased.
    merges: list[Merge] = field(default_factory=list)
    #: Pairs whose merge was undone: runs over duplicates skip them.
    excluded: list[Pair] = field(default_factory=list)
    step: int = 0

    def by_external_id(self, external_id: str) -> Person | None:
        """Return the live profile with *external_id*."""
        return next((each for each in self.people if each.external_id == external_id), None)

    def by_alias(self, alias: Json) -> Person | None:
        """Return the live profile with *alias*."""
        label, name = alias["alias_label"], alias["alias_name"]
        return next((each for each in self.people if each.aliases.get(label) == name), None)

    def sharing(self, identifier: Json) -> list[Person]:
        """Return the live profiles with the address in *identifier*."""
        if "email" in identifier:
            return [each for each in self.people if each.email == email_key(identifier["email"])]
        number = E164[identifier["phone"]]
        return [each for each in self.people if number is not None and each.phone == number]

    def meant(self, identifier: Json) -> Meaning:
        """Return the resolution of *identifier* for a merge."""
        if "external_id" in identifier:
            external_id = identifier["external_id"]
            return self.by_external_id(external_id) or self.redirects.get(external_id) or "not_found"
        if "user_alias" in identifier:
            return self.by_alias(identifier["user_alias"]) or "not_found"
        left = self.sharing(identifier)
        for name in identifier["prioritization"]:
            left = FILTERS[name](left)
        if len(left) == 1:
            return left[0]
        return "ambiguous" if left else "not_found"

    def tracked(self, entry: Json) -> Person | None:
        """Return the profile of an object of `/users/track`, created if needed, or None."""
        if "external_id" in entry:
            return self.by_external_id(entry["external_id"]) or self._make(entry, external_id=entry["external_id"])
        if "user_alias" in entry:
            alias = entry["user_alias"]
            return self.by_alias(alias) or (
                self._make(entry, aliases={alias["alias_label"]: alias["alias_name"]})
                if entry.get("_update_existing_only") is False
                else None
            )
        rivals = self._with_device(entry["device_id"]) if "device_id" in entry else self.sharing(entry)
        if rivals:
            return max(rivals, key=lambda each: (each.identified, each.touched, each.serial))
        if "device_id" in entry:
            return self._make(entry)
        kind = "email" if "email" in entry else "phone"
        return self._make(entry, facts={kind: entry[kind].strip() if kind == "email" else entry[kind]})

    def _with_device(self, device_id: str) -> list[Person]:
        """Return the live profiles without an external_id that have a device."""
        return [each for each in self.people if not each.identified and device_id in each.devices]

    def _make(self, entry: Json, **known: Any) -> Person | None:
        """Return a new profile with the *known* identifiers, or None if the *entry* may not create one."""
        if entry.get("_update_existing_only"):
            return None
        person = Person(serial=self._next_serial(), touched=self.step, **known)
        self.people.append(person)
        if person.external_id is not None:
            self.redirects.pop(person.external_id, None)
        return person

    def _next_serial(self) -> int:
        """Return the number of the next profile."""
        return len(self.people) + len(self.gone) + len(self.deleted)

    def track(self, body: Json) -> list[tuple[str, int]]:
        """Apply one request to `/users/track`; return array and index of each object without a profile."""
        self.step += 1
        known = len(self.people)
        lost: list[tuple[str, int]] = []
        for array, happened in ARRAYS.items():
            for index, entry in enumerate(body.get(array, [])):
                person = self.tracked(entry)
                if person is None:
                    lost.append((array, index))
                    continue
                if happened is None:
                    others = [each for each in self.people if each is not person]
                    describe(person, entry, self.step, others=others)
                    for merge in self.merges:
                        merge.lose_tokens(reported_tokens(entry))
                else:
                    person.did.append(happened(entry))
                    person.touched = self.step
                if "device_id" in entry:
                    person.devices.setdefault(entry["device_id"], {"device_id": entry["device_id"]})
        _number(self.people[known:])
        return lost

    def give_aliases(self, aliases: Sequence[Json]) -> list[int]:
        """Apply one request to `/users/alias/new`; return the indexes of the aliases that were not created."""
        self.step += 1
        return [index for index, each in enumerate(aliases) if not self._give_alias(each)]

    def _give_alias(self, alias: Json) -> bool:
        """Create an alias unless it or its label is taken; return whether the named profile has it now."""
        label, name = alias["alias_label"], alias["alias_name"]
        holder = self.by_alias(alias)
        if holder is not None:
            self._own_alias(holder, alias)
        if "external_id" not in alias:
            return holder is None and self._make({}, aliases={label: name}) is not None
        person = self.by_external_id(alias["external_id"])
        if person is None or holder is not None:
            return person is not None and holder is person
        if label in person.aliases:
            return False
        person.aliases[label] = name
        person.touched = self.step
        return True

    def _own_alias(self, holder: Person, alias: Json) -> None:
        """Remove the origin of an alias that *holder* got by a merge, if *alias* names *holder*."""
        origin = ("alias", alias["alias_label"])
        if origin in holder.origins and holder is self.by_external_id(alias.get("external_id", "")):
            del holder.origins[origin]
            holder.touched = self.step

    def delete(self, body: Json) -> None:
        """Apply one request of `/users/delete`: resolve all identifiers first, then delete."""
        named = [
            *map(self.by_external_id, body.get("external_ids", [])),
            *map(self.by_alias, body.get("user_aliases", [])),
        ]
        shared = [self.meant(each) for each in body.get("email_addresses", [])]
        doomed = {each for each in (*named, *shared) if isinstance(each, Person)}
        for person in [each for each in self.people if each in doomed]:
            self.people.remove(person)
            self.deleted.append(person)
        lost = [each for each in self.gone if each.live() in doomed]
        self.gone = [each for each in self.gone if each not in lost]
        self.deleted += lost
        self.redirects = {name: each for name, each in self.redirects.items() if each not in lost}
        # A deletion may also erase the audit of orphans that it names.
        self.merges = []

    def undoable(self) -> list[Merge]:
        """Return the merges that can be undone here."""
        return [each for each in self.merges if each.job_id and each.is_last and each.survivor in self.people]

    def undo(self, merge: Merge) -> str:
        """Undo *merge* and return the outcome."""
        orphan, external_id = merge.orphan, merge.orphan.external_id
        merge.undo()
        self.excluded.append((merge.orphan, merge.survivor))
        self.merges.remove(merge)
        self.gone.remove(orphan)
        is_taken = external_id is not None and self.by_external_id(external_id) is not None
        if is_taken:
            orphan.external_id = None
        elif external_id is not None:
            self.redirects.pop(external_id, None)
        taken = orphan.drop_aliases(lambda alias: self.by_alias(alias) is not None)
        self.people.append(orphan)
        return "undone_in_part" if taken or is_taken else "undone"

    def merge_duplicates(self, kind: str) -> None:
        """Apply a run over duplicates by *kind* of address."""
        excluded = {frozenset((one.live(), other.live())) for one, other in self.excluded}

        def may_merge(orphan: Person, survivor: Person) -> bool:
            return self._obstacle(None, orphan=orphan, survivor=survivor) is None

        for orphan, survivor in pairs_of_duplicates(self.people, kind, excluded=excluded, may_merge=may_merge):
            self.step += 1
            if self._obstacle(None, orphan=orphan, survivor=survivor) is None:
                self._merge(orphan=orphan, survivor=survivor)

    def run(self, job: Job) -> Ended:
        """Apply *job* and return its expected result."""
        self.step += 1
        found, kept = self.meant(job.orphan), self.meant(job.survivor)
        if isinstance(found, Person) and job.kind == "merge":
            found = found.origins.get(origin_key(job.orphan), found)
        orphan = found if isinstance(found, Person) and found.merged_into is None else None
        survivor = kept.live() if isinstance(kept, Person) else None
        outcome = self._refusal(job, found, kept)
        if outcome is None and orphan is None and isinstance(found, Person):
            return Ended("already_merged", found, survivor)
        if outcome is not None or orphan is None:
            return Ended(outcome or "", orphan, survivor)
        if survivor is None:
            return self._identify(orphan, job.survivor["external_id"])
        outcome = self._obstacle(job, orphan=orphan, survivor=survivor)
        if outcome is None:
            self._merge(orphan=orphan, survivor=survivor)
        return Ended(outcome or "merged", orphan, survivor)

    def _refusal(self, job: Job, found: Meaning, kept: Meaning) -> str | None:
        """Return the outcome of a job unless each of its identifiers names one profile."""
        if any(_is_placeholder(each) or _is_invalid_phone(each) for each in (job.orphan, job.survivor)):
            return "refused_identifier"
        if found == "ambiguous":
            return "orphan_ambiguous"
        if kept == "ambiguous":
            return "survivor_ambiguous"
        if found == "not_found":
            return "orphan_not_found"
        if kept == "not_found" and job.kind == "merge":
            return "survivor_not_found"
        return None

    def _identify(self, person: Person, external_id: str) -> Ended:
        """Give *person* an unused external_id."""
        if person.identified:
            return Ended("orphan_identified", person)
        if person.protected:
            return Ended("protected", person)
        person.external_id = external_id
        person.touched = self.step
        return Ended("identified", person, person)

    def _obstacle(self, job: Job | None, *, orphan: Person, survivor: Person) -> str | None:
        """Return the outcome that prevents a merge of two live profiles: the first that applies, or None."""
        identifying = job is not None and job.kind == "identify"
        obstacles = (
            ("same_profile", orphan is survivor),
            ("orphan_identified", identifying and orphan.identified),
            ("alias_conflict", identifying and bool(orphan.aliases.keys() & survivor.aliases.keys())),
            ("protected", orphan.protected or survivor.protected),
            ("invalid_phones", orphan.has_invalid_phone and survivor.has_invalid_phone),
            ("survivor_limit", survivor.absorbed >= SURVIVOR_LIMIT),
        )
        return next((outcome for outcome, applies in obstacles if applies), None)

    def _merge(self, *, orphan: Person, survivor: Person) -> None:
        """Merge *orphan* into *survivor*."""
        merge = Merge.begin(orphan=orphan, survivor=survivor, step=self.step)
        absorb(survivor, orphan, step=self.step)
        merge.end()
        self.merges.append(merge)
        self.people.remove(orphan)
        self.gone.append(orphan)
        if orphan.external_id is not None and survivor.external_id != orphan.external_id:
            self.redirects[orphan.external_id] = orphan


def _number(made: Sequence[Person]) -> None:
    """Number the profiles of one request: first those with an external_id, in its order, then the rest in theirs."""
    numbers = sorted(person.serial for person in made)
    in_order = sorted(made, key=lambda each: (not each.identified, each.external_id or ""))
    for person, number in zip(in_order, numbers, strict=True):
        person.serial = number


def _is_placeholder(identifier: Json) -> bool:
    """Return whether an identifier is a placeholder, which clients send instead of a missing value."""
    alias = identifier.get("user_alias", {})
    value = alias.get("alias_name", identifier.get("external_id", identifier.get("email", identifier.get("phone"))))
    return str(value).strip().casefold() in PLACEHOLDERS


def _is_invalid_phone(identifier: Json) -> bool:
    """Return whether an identifier is a phone number without an E.164 form, which identifies no profile."""
    return "phone" in identifier and E164[identifier["phone"]] is None
