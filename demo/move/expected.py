"""Predicts the survivors of runs over duplicates from the vendor's export, without the product's code."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from demo.move.facts import Facts, read_facts

Json = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class _Profile:
    braze_id: str
    identified: bool
    created_at: str
    #: Identifier → its normalized value.
    addresses: dict[str, str]
    facts: Facts

    @property
    def rank(self) -> tuple[bool, str]:
        """The profile with the lowest rank is kept: an identified one, then the oldest."""
        return not self.identified, self.created_at


class Expectation:
    """The expected profiles of an export after each run over duplicates."""

    def __init__(self) -> None:
        self._live: dict[str, _Profile] = {}
        self.merges = 0
        #: External_id of the export → the profile that had it.
        self.external_ids: dict[str, str] = {}

    def follow(self, profiles: Iterable[Json]) -> Iterator[Json]:
        """Read *profiles*, and yield each of them unchanged."""
        for profile in profiles:
            self._live[profile["braze_id"]] = _read(profile)
            if "external_id" in profile:
                self.external_ids[profile["external_id"]] = profile["braze_id"]
            yield profile

    @property
    def live(self) -> dict[str, Facts]:
        """The facts of each live profile, by its braze_id."""
        return {braze_id: profile.facts for braze_id, profile in self._live.items()}

    def merge_duplicates(self, identifier: str) -> int:
        """Merge the profiles that share an *identifier*: `email` or `phone`. Return the number of merges."""
        groups: defaultdict[str, list[_Profile]] = defaultdict(list)
        for profile in self._live.values():
            if identifier in profile.addresses:
                groups[profile.addresses[identifier]].append(profile)
        before = self.merges
        for group in groups.values():
            kept, *others = sorted(group, key=lambda profile: profile.rank)
            for other in others:
                kept.addresses = {**other.addresses, **kept.addresses}
                kept.facts.add(other.facts)
                self.merges += 1
                del self._live[other.braze_id]
        return self.merges - before

    def id_map(self) -> dict[str, str]:
        """Return the survivor of every braze_id."""
        return {braze_id: survivor for survivor, profile in self._live.items() for braze_id in profile.facts.braze_ids}


def _read(profile: Json) -> _Profile:
    addresses = {}
    if "email" in profile:
        addresses["email"] = profile["email"].lower()
    if "phone" in profile:
        addresses["phone"] = re.sub(r"\D", "", profile["phone"])
    return _Profile(
        braze_id=profile["braze_id"],
        identified="external_id" in profile,
        created_at=profile["created_at"],
        addresses=addresses,
        facts=read_facts(profile),
    )
