"""Profiles as the audit keeps them: a row as JSON, without what is absent."""

import dataclasses
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from app.merging.profile import Profile
from app.profiles.store import from_row, to_row

#: What an image leaves out is this: most profiles lack most fields, and the audit is most of what a merge writes.
ABSENT: Mapping[str, Any] = {
    field.name: field.default_factory() if callable(field.default_factory) else field.default
    for field in dataclasses.fields(Profile)
    if field.name not in {"workspace_id", "id", "braze_id", "created_at", "updated_at", "random_bucket"}
} | {"email_key": None, "email_encrypted": False, "phone_e164": None}
#: Entries of a mapping beyond which an image may leave some out.
MOST_ENTRIES = 100
#: The mappings that are merged key by key, of which it may.
KEYED = tuple(column for column, value in ABSENT.items() if value == {} and column != "user_aliases")
#: Columns of days; those of moments end in `_at`.
DAYS = ("dob", "absorbed_on")


def to_image(profile: Profile, *, beside: Profile | None = None) -> dict[str, Any]:
    """Return *profile* as a row whose values can become JSON, without the columns that say nothing.

    Of a very large mapping only the entries are kept that *beside*, which is merged into it, has under the same keys:
    the others a merge leaves as they are, and a survivor that absorbs thousands would be copied whole for each of them.
    Aliases are kept whole, since a change is told of all of them at once.
    """
    # What stands for absent is false, so that most values need no second look.
    image = {
        column: value
        for column, value in to_row(profile).items()
        if value or (value is not None and value != ABSENT.get(column))
    }
    if beside is not None:
        large = [column for column in KEYED if len(image.get(column, ())) > MOST_ENTRIES]
        image |= {column: _shared(image[column], getattr(beside, column)) for column in large}
    return image


def _shared(entries: Mapping[str, Any], others: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return those of *entries* under keys that *others* have too."""
    return {key: entries[key] for key in others or () if key in entries}


def from_image(image: Mapping[str, Any]) -> Profile:
    """Return the profile that *image*, which came from JSON, shows; the inverse of to_image."""
    return from_row({**ABSENT, **{column: _value(column, value) for column, value in image.items()}})


def _value(column: str, value: Any) -> Any:
    """Return the *value* of *column* as rows hold it: JSON tells times as text."""
    if not isinstance(value, str):
        return value
    if column in DAYS:
        return date.fromisoformat(value)
    return datetime.fromisoformat(value) if column.endswith("_at") else value
