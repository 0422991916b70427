"""Which profile each line of an import names: an existing one, or one to create."""

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from app.db.queries import load_queries
from app.db.transaction import Transaction
from app.merging.profile import Profile
from app.profiles.store import load_profiles
from app.profiles.targets import ExistingProfile, find_profiles, target_key
from schemas.identifiers import BrazeId, ExternalId, UserAlias
from schemas.profile_imports import ImportedProfile

QUERIES = load_queries("app.imports", "imports.sql")

SEVERAL = "'{first}' and '{second}' name two profiles, so the line was refused; merge them first."
OTHER_EXTERNAL_ID = (
    "The profile that '{member}' names has another external_id than the line, so the line was refused; correct one of"
    " the two, or rename the external_id of the profile."
)
OTHER_BRAZE_ID = "The profile keeps its braze_id, which is not that of the line."
TAKEN_BRAZE_ID = "The 'braze_id' belonged to a profile that was merged away or deleted, so the profile got a new one."

Name = ExternalId | BrazeId | UserAlias


@dataclass(eq=False)
class Subject:
    """The profile of one or more lines. Each instance equals only itself."""

    #: None for a profile to create.
    existing_id: int | None
    #: The names of the profile as the lines leave them.
    external_id: str | None = None
    braze_id: str | None = None
    #: None if they are not loaded.
    user_aliases: dict[str, str] | None = None

    @property
    def is_new(self) -> bool:
        return self.existing_id is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """The profile of each line by its position, and the sentences of refused ones and of others."""

    subjects: Mapping[int, Subject]
    refused: Mapping[int, str]
    remarks: Mapping[int, Sequence[str]]
    #: The existing profiles that were loaded, by id.
    profiles: Mapping[int, Profile]


@dataclass
class _Resolver:
    """Resolves lines in order: a line sees the profiles that earlier lines create, and the names that they add."""

    taken: Collection[str]
    adds_names: bool
    named: dict[Hashable, Subject] = field(default_factory=dict)
    subjects: dict[int, Subject] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)
    remarks: dict[int, list[str]] = field(default_factory=dict)

    def resolve(self, position: int, line: ImportedProfile) -> None:
        found = {member: self.named[key] for member, key in keys_of(line) if key in self.named}
        distinct = list(dict.fromkeys(found.values()))
        if len(distinct) > 1:
            first, *others = found
            second = next(member for member in others if found[member] is not found[first])
            self.refused[position] = SEVERAL.format(first=first, second=second)
        elif not distinct:
            self.subjects[position] = self._create(position, line)
        else:
            self._take(position, line, distinct[0], found)

    def _create(self, position: int, line: ImportedProfile) -> Subject:
        subject = Subject(None, line.external_id, line.braze_id, dict(line.user_aliases))
        if line.braze_id in self.taken:
            subject.braze_id = None
            self.remarks.setdefault(position, []).append(TAKEN_BRAZE_ID)
        for member, key in keys_of(line):
            if member != "braze_id" or subject.braze_id is not None:
                self.named[key] = subject
        return subject

    def _take(self, position: int, line: ImportedProfile, subject: Subject, found: Mapping[str, Subject]) -> None:
        is_other = line.external_id is not None and "external_id" not in found
        if is_other and subject.external_id is not None:
            self.refused[position] = OTHER_EXTERNAL_ID.format(member=next(iter(found)))
            return
        self.subjects[position] = subject
        if not self.adds_names:
            return
        if line.braze_id is not None and subject.braze_id != line.braze_id:
            self.remarks.setdefault(position, []).append(OTHER_BRAZE_ID)
        if is_other:
            subject.external_id = line.external_id
            self.named[target_key(ExternalId(line.external_id or ""))] = subject
        for label, name in line.user_aliases.items():
            if subject.user_aliases is not None and label not in subject.user_aliases:
                subject.user_aliases[label] = name
                self.named[target_key(UserAlias(label=label, name=name))] = subject


def resolve_lines(tx: Transaction, *, lines: Mapping[int, ImportedProfile], adds_names: bool) -> Resolution:
    """Return the profile of each of *lines*, which are by position; without a lock.

    With *adds_names*, a line adds its names to an existing profile.
    """
    names = [name for line in lines.values() for _, name in identifiers_of(line)]
    found = find_profiles(tx, targets=names)
    ids = {each.id for each in found.values()} if adds_names else set()
    profiles = load_profiles(tx, ids=ids) if ids else {}
    subjects = _subjects(tx, found.values(), profiles)
    unknown = {name.value for name in names if isinstance(name, BrazeId) and target_key(name) not in found}
    taken = {row["braze_id"] for row in tx.execute(QUERIES["taken_braze_ids"], {"braze_ids": sorted(unknown)})}
    resolver = _Resolver(
        taken, adds_names, {key: subjects[each.id] for key, each in found.items() if each.id in subjects}
    )
    for position, line in lines.items():
        resolver.resolve(position, line)
    return Resolution(subjects=resolver.subjects, refused=resolver.refused, remarks=resolver.remarks, profiles=profiles)


def keys_of(line: ImportedProfile) -> Iterator[tuple[str, Hashable]]:
    """Yield the member and the target_key of each identifier of *line* that names one profile."""
    for member, name in identifiers_of(line):
        yield member, target_key(name)


def identifiers_of(line: ImportedProfile) -> Iterator[tuple[str, Name]]:
    """Yield the member and the value of each identifier of *line* that names one profile."""
    if line.external_id is not None:
        yield "external_id", ExternalId(line.external_id)
    if line.braze_id is not None:
        yield "braze_id", BrazeId(line.braze_id)
    for place, (label, name) in enumerate(line.user_aliases.items()):
        yield f"user_aliases.{place}", UserAlias(label=label, name=name)


def _subjects(
    tx: Transaction, found: Collection[ExistingProfile], profiles: Mapping[int, Profile]
) -> dict[int, Subject]:
    """Return the existing profiles *found* by id; *profiles* are the loaded ones."""
    loaded = {each.id: _subject(each) for each in profiles.values()}
    others = sorted({each.id for each in found} - loaded.keys())
    rows = tx.execute(QUERIES["names_of_profiles"], {"ids": others}) if others else ()
    return loaded | {row["id"]: Subject(row["id"], row["external_id"], row["braze_id"]) for row in rows}


def _subject(profile: Profile) -> Subject:
    return Subject(profile.id, profile.external_id, profile.braze_id, dict(profile.user_aliases))
