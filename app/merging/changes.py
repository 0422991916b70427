"""List the changes of a survivor by a merge or an undo: each field before and after, with its rule."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from operator import attrgetter
from typing import Any

from app.merging.profile import EmailAddress, PhoneNumber, Profile
from app.merging.rules import FOLLOW_ADDRESS, MERGE_RULES, Rule, rule_below

#: Fields that exports split: key of the field → name in exports.
SPLIT_FIELDS: Mapping[str, Mapping[str, str]] = {
    "email_subscription": {
        "state": "email_subscribe",
        "opted_in_at": "email_opted_in_at",
        "unsubscribed_at": "email_unsubscribed_at",
    },
    "push_subscription": {"state": "push_subscribe", "opted_in_at": "push_opted_in_at"},
}
#: Field → another name in exports.
EXPORT_NAMES = {
    "revenue_cents": "total_revenue",
    "current_location": "last_coordinates",
    "first_session_at": "first_session",
    "last_session_at": "last_session",
    "first_purchase_at": "first_purchase",
    "last_purchase_at": "last_purchase",
}
CENTS = 100
#: Field → conversion of its value for exports.
CONVERSIONS: Mapping[str, Callable[[Any], Any]] = {
    "revenue_cents": lambda cents: cents / CENTS,
    "current_location": lambda location: [location["longitude"], location["latitude"]],
    "user_aliases": lambda aliases: [
        {"alias_name": name, "alias_label": label} for label, name in sorted(aliases.items())
    ],
}

#: Reads the merged fields of a profile at once: this runs for every merge.
get_merged = attrgetter(*MERGE_RULES)

#: `{field, before, after, rule}`: a part of a profile under its name in exports.
Change = dict[str, Any]


def list_changes(
    *, before: Profile, after: Profile, orphan: Profile, rules: Mapping[str, Rule] = MERGE_RULES
) -> list[Change]:
    """Return `[{field, before, after, rule}]` for all differences between the survivor *before* and *after*.

    Names and values are those of exports, down to the part that changed (`custom_events.login.count`). In a mapping,
    compare only the keys of *orphan*: a merge and its undo change no others, except subscription groups, and a survivor
    of thousands of merges has many others.
    """
    found: list[Change] = []
    sides = zip(MERGE_RULES, get_merged(before), get_merged(after), get_merged(orphan), strict=True)
    for field, ours, merged, theirs in sides:
        if ours is not merged and ours != merged:
            _add_changes(found, field, rules[field], ours, merged, theirs)
    return found


def export_value(field: str, value: Any) -> Any:
    """Return *value* of the profile's *field* in the form of exports."""
    match value:
        case None:
            return None
        case EmailAddress():
            return value.address
        case PhoneNumber():
            return value.number
        case date():
            return canonical_time(value)
    return CONVERSIONS[field](value) if field in CONVERSIONS else value


def canonical_time(value: date) -> str:
    """Return *value* as text: a day as YYYY-MM-DD, a moment in UTC with milliseconds and a Z."""
    if not isinstance(value, datetime):
        return value.isoformat()
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _add_changes(found: list[Change], field: str, rule: Rule, before: Any, after: Any, theirs: Any) -> None:
    """Add the differences of *field* to *found*; *theirs* is the orphan's value."""
    name = EXPORT_NAMES.get(field, field)
    if field in SPLIT_FIELDS:
        old, new = before or {}, after or {}
        for key, part in SPLIT_FIELDS[field].items():
            if old.get(key) != new.get(key):
                found.append(_change(part, old.get(key), new.get(key), rule))
    elif field != "user_aliases" and _is_keyed(rule):
        keys = {**(before or {}), **after} if rule.name == FOLLOW_ADDRESS else theirs or ()
        _add_part_changes(found, name, rule, before or {}, after, keys=keys)
    elif (old := export_value(field, before)) != (new := export_value(field, after)):
        found.append(_change(name, old, new, rule))


# Appending to one list costs half as much as nested generators. This runs for every part of every merge.
def _add_part_changes(
    found: list[Change],
    name: str,
    rule: Rule,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    *,
    keys: Iterable[str],
) -> None:
    """Add the differences of the parts under *keys*; an undo may have removed some parts."""
    # In one order, whether PostgreSQL or a merge before has made the mapping: a plan shows the changes in advance.
    for key in sorted(keys):
        old, new = before.get(key), after.get(key)
        if old is new or old == new:
            continue
        here, below = f"{name}.{key}", rule_below(rule, key)
        if below.entries:
            old, new = old or {}, new or {}
            _add_part_changes(found, here, below, old, new, keys={**new, **old} if old else new)
        else:
            found.append(_change(here, old, new, below))


def _change(field: str, before: Any, after: Any, rule: Rule) -> Change:
    return {"field": field, "before": before, "after": after, "rule": rule.name}


def _is_keyed(rule: Rule) -> bool:
    """Return whether each key of the field is a part of its own."""
    return bool(rule.entries) or rule.name in {"fill_keys", "unite", FOLLOW_ADDRESS}
