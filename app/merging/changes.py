"""What a merge, or an undo, changed on the survivor: field by field, before and after, with the rule that decided."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any

from app.merging.profile import EmailAddress, PhoneNumber, Profile
from app.merging.rules import MERGE_RULES, Rule, rule_at

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


def changes(*, before: Profile, after: Profile, rules: Mapping[str, Rule] = MERGE_RULES) -> list[dict[str, Any]]:
    """Return `[{field, before, after, rule}]` for all that differs between the survivor *before* and *after*.

    Fields are named as exports show them, down to the part that changed (`custom_events.login.count`); values are in
    the form of exports.
    """
    return [
        {"field": name, "before": old, "after": new, "rule": rule}
        for field in rules
        if getattr(before, field) != getattr(after, field)
        for name, old, new, rule in _named_parts(field, getattr(before, field), getattr(after, field))
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


def _named_parts(field: str, before: Any, after: Any) -> Iterator[tuple[str, Any, Any, str]]:
    """Yield name in exports, before, after and rule name for each part of *field* that differs."""
    if field in SEVERAL:
        old, new = before or {}, after or {}
        for key, name in SEVERAL[field].items():
            if old.get(key) != new.get(key):
                yield name, old.get(key), new.get(key), MERGE_RULES[field].name
        return
    for path, was, now, rule in _parts(field, before, after):
        yield ".".join((EXPORT_NAMES.get(field, field), *path)), was, now, rule


def _parts(field: str, before: Any, after: Any) -> Iterator[tuple[tuple[str, ...], Any, Any, str]]:
    """Yield path, before, after and rule name for each part of *field* that differs, as deep as its rules go."""
    rule = MERGE_RULES[field]
    if field == "user_aliases" or not (_is_keyed(rule) and isinstance(after, Mapping)):
        old, new = shown(field, before), shown(field, after)
        if old != new:
            yield (), old, new, rule.name
        return
    yield from _deeper(field, (), before or {}, after)


def _deeper(
    field: str, path: tuple[str, ...], before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[tuple[tuple[str, ...], Any, Any, str]]:
    """Yield the parts below *path* that differ; an undo may have taken some away."""
    for key in dict.fromkeys((*after, *before)):
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        here = (*path, key)
        rule = rule_at(field, *here)
        if rule.entries and isinstance(old if new is None else new, Mapping):
            yield from _deeper(field, here, old or {}, new or {})
        else:
            yield here, old, new, rule.name


def _is_keyed(rule: Rule) -> bool:
    """Return whether *rule* decides key by key, so that each key is a part of its own."""
    return bool(rule.entries) or rule.name in {"fill_keys", "unite"}
