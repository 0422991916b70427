"""A draft: a profile under change, while its value stays as it was."""

import dataclasses
from datetime import datetime
from typing import Any

from app.merging.profile import Profile


class Draft:
    """Collects changes to *profile*; fields read as they now stand, and mappings are copied before the first write."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._changes: dict[str, Any] = {}

    def __getitem__(self, field: str) -> Any:
        """Return *field* as it now stands."""
        return self._changes[field] if field in self._changes else getattr(self._profile, field)

    def __setitem__(self, field: str, value: Any) -> None:
        """Set *field*."""
        self._changes[field] = value

    def own(self, field: str) -> dict[str, Any]:
        """Return the mapping *field* as a copy that may be written to and is the draft's from now on."""
        if field not in self._changes:
            self._changes[field] = dict(getattr(self._profile, field))
        mapping: dict[str, Any] = self._changes[field]
        return mapping

    def entry(self, field: str, key: str) -> dict[str, Any]:
        """Return the entry *key* of the mapping *field* as a copy that may be written to, empty if there was none."""
        mapping = self.own(field)
        mapping[key] = dict(mapping.get(key) or {})
        entry: dict[str, Any] = mapping[key]
        return entry

    def add(self, field: str, amount: int) -> None:
        """Add *amount* to the count *field*."""
        self[field] = self[field] + amount

    def span(self, first: str, last: str, moment: datetime) -> None:
        """Widen the time from field *first* to field *last* so that *moment* lies in it."""
        self[first] = moment if self[first] is None else min(self[first], moment)
        self[last] = moment if self[last] is None else max(self[last], moment)

    def finish(self, at: datetime) -> Profile:
        """Return the profile with all changes, updated at *at*."""
        return dataclasses.replace(self._profile, **self._changes, updated_at=at)


def widen(entry: dict[str, Any], first: str, last: str, moment: str) -> None:
    """Widen the time from *first* to *last* in a summary's *entry* so that *moment*, in canonical text, lies in it."""
    entry[first] = min(entry.get(first) or moment, moment)
    entry[last] = max(entry.get(last) or moment, moment)


def later(entry: dict[str, Any], key: str, moment: str) -> None:
    """Set *key* of *entry* to *moment*, in canonical text, unless it is later already."""
    entry[key] = max(entry.get(key) or moment, moment)
