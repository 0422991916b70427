"""What a merge, or an undo, changed on the survivor: field by field, before and after, with the rule that decided."""

from collections.abc import Callable, Iterable, Mapping
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

#: `{field, before, after, rule}`: a part of a profile under its name in exports.
Change = dict[str, Any]


def list_changes(
    *, before: Profile, after: Profile, orphan: Profile, rules: Mapping[str, Rule] = MERGE_RULES
) -> list[Change]:
    """Return `[{field, before, after, rule}]` for all that differs between the survivor *before* and *after*.

    Fields are named as exports show them, down to the part that changed (`custom_events.login.count`); values are in
    the form of exports. Of a mapping only the keys that *orphan* has are looked at, since neither its merge nor the
    undo of that touches others: a survivor that absorbs thousands would be gone through for each of them.
    """
    found: list[Change] = []
    values = attrgetter(*rules)
    for field, ours, merged, theirs in zip(rules, values(before), values(after), values(orphan), strict=True):
        if ours is not merged and ours != merged:
            _tell(found, field, ours, merged, theirs)
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
    return SHOWN_AS[field](value) if field in SHOWN_AS else value


def canonical_time(value: date) -> str:
    """Return *value* as text: a day as YYYY-MM-DD, a moment in UTC with milliseconds and a Z."""
    if not isinstance(value, datetime):
        return value.isoformat()
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _tell(found: list[Change], field: str, before: Any, after: Any, theirs: Any) -> None:
    """Add the parts of *field* that differ, which the orphan has as *theirs*, to *found*, as deep as its rules go."""
    rule, name = MERGE_RULES[field], EXPORT_NAMES.get(field, field)
    if field in SEVERAL:
        old, new = before or {}, after or {}
        for key, part in SEVERAL[field].items():
            if old.get(key) != new.get(key):
                found.append(_change(part, old.get(key), new.get(key), rule))
    elif field != "user_aliases" and _is_keyed(rule):
        _tell_deeper(found, name, rule, before or {}, after, keys=theirs or ())
    elif (old := export_value(field, before)) != (new := export_value(field, after)):
        found.append(_change(name, old, new, rule))


# A list that is handed on costs half of what generators within generators do; this runs for every part of every merge.
def _tell_deeper(
    found: list[Change],
    name: str,
    rule: Rule,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    *,
    keys: Iterable[str],
) -> None:
    """Add the parts under *keys* of what *rule* decided that differ; an undo may have taken some away."""
    for key in keys:
        old, new = before.get(key), after.get(key)
        if old is new or old == new:
            continue
        here, below = f"{name}.{key}", rule_below(rule, key)
        if below.entries:
            old, new = old or {}, new or {}
            _tell_deeper(found, here, below, old, new, keys={**new, **old} if old else new)
        else:
            found.append(_change(here, old, new, below))


def _change(field: str, before: Any, after: Any, rule: Rule) -> Change:
    """Return a change as the audit keeps it."""
    return {"field": field, "before": before, "after": after, "rule": rule.name}


def _is_keyed(rule: Rule) -> bool:
    """Return whether *rule* decides key by key, so that each key is a part of its own."""
    return bool(rule.entries) or rule.name in {"fill_keys", "unite"}
