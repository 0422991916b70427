"""The facts of a profile that the move must keep: its names, sums and parts, without its texts."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Facts:
    """The facts of one profile, including those of profiles that were merged into it."""

    braze_ids: set[str] = field(default_factory=set)
    external_id: str | None = None
    #: Sums: counts of events, purchases and sessions, and cents.
    sums: Counter[str] = field(default_factory=Counter)
    #: Aliases, devices and push tokens.
    parts: set[str] = field(default_factory=set)

    def add(self, other: "Facts") -> None:
        """Add the sums and parts of a profile that is merged into this one."""
        self.braze_ids |= other.braze_ids
        self.sums += other.sums
        self.parts |= other.parts


def read_facts(profile: Json) -> Facts:
    """Return the facts of a profile in the shape of `/users/export/ids`."""
    facts = Facts(braze_ids={profile["braze_id"]}, external_id=profile.get("external_id"))
    for member, counted in (("custom_events", "count"), ("purchases", "count"), ("apps", "sessions")):
        for entry in profile.get(member, ()):
            facts.sums[f"{member} {entry['name']}"] += entry[counted]
    facts.sums["cents"] += round(profile.get("total_revenue", 0) * 100)
    # A sum of 0 is equal to a missing one.
    facts.sums = +facts.sums
    facts.parts = {
        *_texts(profile, "user_aliases", ("alias_label", "alias_name")),
        *_texts(profile, "devices", ("device_id",)),
        *_texts(profile, "push_tokens", ("app", "token")),
    }
    return facts


def _texts(profile: Json, member: str, keys: Iterable[str]) -> Iterable[str]:
    for entry in profile.get(member, ()):
        yield " ".join((member, *(entry[key] for key in keys)))
