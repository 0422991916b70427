"""What a merge changed on the survivor: field by field, before and after, with the rule that decided."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Any

from app.merging.profile import EmailAddress, PhoneNumber, Profile
from app.merging.rules import MERGE_RULES, Rule, rule_at

#: Fields that exports show under another name.
EXPORT_NAMES = {
    "email_subscription": "email_subscribe",
    "push_subscription": "push_subscribe",
    "revenue_cents": "total_revenue",
    "current_location": "last_coordinates",
}
CENTS = 100
#: Fields whose values exports show in another form.
SHOWN_AS: Mapping[str, Callable[[Any], Any]] = {
    "revenue_cents": lambda cents: cents / CENTS,
    "email_subscription": lambda subscription: subscription["state"],
    "push_subscription": lambda subscription: subscription["state"],
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
        {"field": ".".join((EXPORT_NAMES.get(field, field), *path)), "before": old, "after": new, "rule": rule}
        for field in rules
        if getattr(before, field) != getattr(after, field)
        for path, old, new, rule in _parts(field, getattr(before, field), getattr(after, field))
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
    return value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"


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
    """Yield the parts below *path* that differ."""
    for key in after:
        old, new = before.get(key), after[key]
        if old == new:
            continue
        here = (*path, key)
        rule = rule_at(field, *here)
        if rule.entries and isinstance(new, Mapping):
            yield from _deeper(field, here, old or {}, new)
        else:
            yield here, old, new, rule.name


def _is_keyed(rule: Rule) -> bool:
    """Return whether *rule* decides key by key, so that each key is a part of its own."""
    return bool(rule.entries) or rule.name in {"fill_keys", "unite"}
