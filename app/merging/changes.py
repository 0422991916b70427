"""What a merge, or an undo, changed on the survivor: field by field, before and after, with the rule that decided."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from operator import attrgetter
from typing import Any

from app.merging.profile import EmailAddress, PhoneNumber, Profile
from app.merging.rules import MERGE_RULES, Rule, rule_below

#: Fields that exports show as several, by the key that each of them shows.
SEVERAL: Mapping[str, Mapping[str, str]] = {
    "email_subscription": {
        "state": "email_subscribe",
        "opted_in_at": "email_opted_in_at",
        "unsubscribed_at": "email_unsubscribed_at",
    },
    "push_subscription": {"state": "push_subscribe", "opted_in_at": "push_opted_in_at"},
}
#: Fields that exports show under another name.
EXPORT_NAMES = {
    "revenue_cents": "total_revenue",
    "current_location": "last_coordinates",
    "first_session_at": "first_session",
    "last_session_at": "last_session",
    "first_purchase_at": "first_purchase",
    "last_purchase_at": "last_purchase",
}
CENTS = 100
#: Fields whose values exports show in another form.
SHOWN_AS: Mapping[str, Callable[[Any], Any]] = {
    "revenue_cents": lambda cents: cents / CENTS,
    "current_location": lambda location: [location["longitude"], location["latitude"]],
    "user_aliases": lambda aliases: [
        {"alias_name": name, "alias_label": label} for label, name in sorted(aliases.items())
    ],
}

#: A part of a profile: its name in exports, the value before and after, and the name of the rule that decided.
Named = tuple[str, Any, Any, str]


def changes(
    *, before: Profile, after: Profile, orphan: Profile, rules: Mapping[str, Rule] = MERGE_RULES
) -> list[dict[str, Any]]:
    """Return `[{field, before, after, rule}]` for all that differs between the survivor *before* and *after*.

    Fields are named as exports show them, down to the part that changed (`custom_events.login.count`); values are in
    the form of exports. Of a mapping only the keys that *orphan* has are looked at, since neither its merge nor the
    undo of that touches others: a survivor that absorbs thousands would be gone through for each of them.
    """
    values = attrgetter(*rules)
    fields = zip(rules, values(before), values(after), values(orphan), strict=True)
    return [
        {"field": name, "before": old, "after": new, "rule": rule}
        for field, ours, merged, theirs in fields
        if ours is not merged and ours != merged
        for name, old, new, rule in _named_parts(field, ours, merged, theirs)
    ]


def shown(field: str, value: Any) -> Any:
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
    return SHOWN_AS[field](value) if field in SHOWN_AS else value


def canonical_time(value: date) -> str:
    """Return *value* as text: a day as YYYY-MM-DD, a moment in UTC with milliseconds and a Z."""
    if not isinstance(value, datetime):
        return value.isoformat()
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _named_parts(field: str, before: Any, after: Any, theirs: Any) -> Iterator[Named]:
    """Yield the parts of *field* that differ, which the orphan has as *theirs*, as deep as its rules go."""
    rule, name = MERGE_RULES[field], EXPORT_NAMES.get(field, field)
    if field in SEVERAL:
        old, new = before or {}, after or {}
        for key, part in SEVERAL[field].items():
            if old.get(key) != new.get(key):
                yield part, old.get(key), new.get(key), rule.name
    elif field != "user_aliases" and _is_keyed(rule):
        yield from _deeper(name, rule, before or {}, after, keys=theirs or ())
    elif (old := shown(field, before)) != (new := shown(field, after)):
        yield name, old, new, rule.name


def _deeper(
    name: str, rule: Rule, before: Mapping[str, Any], after: Mapping[str, Any], *, keys: Iterable[str]
) -> Iterator[Named]:
    """Yield the parts under *keys* of what *rule* decided that differ; an undo may have taken some away."""
    for key in keys:
        old, new = before.get(key), after.get(key)
        if old is new or old == new:
            continue
        here, below = f"{name}.{key}", rule_below(rule, key)
        if below.entries:
            yield from _deeper(here, below, old or {}, new or {}, keys={**(new or {}), **(old or {})})
        else:
            yield here, old, new, below.name


def _is_keyed(rule: Rule) -> bool:
    """Return whether *rule* decides key by key, so that each key is a part of its own."""
    return bool(rule.entries) or rule.name in {"fill_keys", "unite"}
