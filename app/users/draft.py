"""A draft: changes to a profile, which is itself immutable."""

import dataclasses
from datetime import datetime
from typing import Any

from app.merging.profile import Profile
from app.profiles.sharing import Sharer


class Draft:
    """Collects changes to *profile*. Reads return changed values; mappings are copied before the first write."""

    def __init__(self, profile: Profile | Sharer) -> None:
        self._profile: Any = profile
        self._changes: dict[str, Any] = {}

    def __getitem__(self, field: str) -> Any:
        return self._changes[field] if field in self._changes else getattr(self._profile, field)

    def __setitem__(self, field: str, value: Any) -> None:
        self._changes[field] = value

    def writable(self, field: str) -> dict[str, Any]:
        """Return the mapping *field* as a copy that the caller may change."""
        if field not in self._changes:
            self._changes[field] = dict(getattr(self._profile, field))
        mapping: dict[str, Any] = self._changes[field]
        return mapping

    def writable_entry(self, field: str, key: str) -> dict[str, Any]:
        """Return the entry *key* of the mapping *field* as a copy to change; empty if there was none."""
        mapping = self.writable(field)
        mapping[key] = dict(mapping.get(key) or {})
        entry: dict[str, Any] = mapping[key]
        return entry

    def add(self, field: str, amount: int) -> None:
        self[field] = self[field] + amount

    def extend(self, first: str, last: str, moment: datetime) -> None:
        """Extend the time range from field *first* to field *last* to contain *moment*."""
        self[first] = moment if self[first] is None else min(self[first], moment)
        self[last] = moment if self[last] is None else max(self[last], moment)

    @property
    def before(self) -> Any:
        """The profile without the changes."""
        return self._profile

    @property
    def is_changed(self) -> bool:
        return any(value != getattr(self._profile, field) for field, value in self._changes.items())

    def finish(self, at: datetime | None) -> Profile:
        """Return the profile with all changes and `updated_at` *at*, or with its present one if that is None."""
        times = {} if at is None else {"updated_at": at}
        profile: Profile = dataclasses.replace(self._profile, **self._changes, **times)
        return profile


def extend_range(entry: dict[str, Any], first: str, last: str, moment: str) -> None:
    """Extend the range from *first* to *last* in a summary's *entry* to contain *moment*, a canonical time."""
    entry[first] = min(entry.get(first) or moment, moment)
    entry[last] = max(entry.get(last) or moment, moment)


def set_latest(entry: dict[str, Any], key: str, moment: str) -> None:
    """Set *key* of *entry* to *moment*, a canonical time, unless it is later already."""
    entry[key] = max(entry.get(key) or moment, moment)
