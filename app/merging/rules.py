"""Merge rules: for each field of a profile, how to combine the survivor's value and the orphan's.

The rules follow the two lists of merged fields in the vendor's pages on `/users/merge` and `/users/identify`;
`docs/compatibility.md` has a row for each bullet. History (events, purchases, sessions, engagements) has no rule,
because it never moves: see the ADR "history never moves".

A new field of Profile merges by FILL unless OTHER_RULES has a rule for it or IDENTITY excludes it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import partial, reduce
from types import MappingProxyType
from typing import Any

from app.merging.consent_states import EMAIL_FIELDS, GROUPS, combine_groups, combine_states
from app.merging.profile import EmailAddress, Map, Profile

#: Takes the survivor's value and the orphan's, returns the survivor's new one; changes neither.
Combine = Callable[[Any, Any], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule with its name in the audit; *entries* are the rules of the parts of a summary."""

    name: str
    combine: Combine
    entries: "Mapping[str, Rule]" = field(default_factory=dict)


def fill(ours: Any, theirs: Any) -> Any:
    """Return the survivor's value unless it is absent; `""`, 0, False and [] are values."""
    return theirs if ours is None else ours


def fill_unless_encrypted(ours: EmailAddress | None, theirs: EmailAddress | None) -> EmailAddress | None:
    """Return the survivor's address; if it has none, the orphan's, unless that one is encrypted."""
    return theirs if ours is None and theirs is not None and not theirs.encrypted else ours


def add(ours: int | None, theirs: int | None) -> int:
    """Return the sum of both."""
    return (ours or 0) + (theirs or 0)


def earliest(ours: Any, theirs: Any) -> Any:
    """Return the earlier of two times, or the one there is."""
    return theirs if ours is None or (theirs is not None and theirs < ours) else ours


def latest(ours: Any, theirs: Any) -> Any:
    """Return the later of two times, or the one there is."""
    return theirs if ours is None or (theirs is not None and theirs > ours) else ours


def any_true(ours: bool | None, theirs: bool | None) -> bool:
    """Return whether one of the two is true."""
    return bool(ours or theirs)


def fill_keys(ours: Map | None, theirs: Map | None) -> Map:
    """Return the survivor's entries and, whole, the orphan's under keys that the survivor lacks."""
    ours = ours or {}
    missing = {key: value for key, value in (theirs or {}).items() if key not in ours}
    return {**ours, **missing} if missing else ours


FILL = Rule(name="fill", combine=fill)
FILL_UNLESS_ENCRYPTED = Rule(name="fill_unless_encrypted", combine=fill_unless_encrypted)
ADD = Rule(name="add", combine=add)
EARLIEST = Rule(name="earliest", combine=earliest)
LATEST = Rule(name="latest", combine=latest)
ANY_TRUE = Rule(name="either", combine=any_true)
FILL_KEYS = Rule(name="fill_keys", combine=fill_keys)
#: As fill_keys, for entries with an id of their own: the survivor gets those of both sides, each once.
UNION = Rule(name="unite", combine=fill_keys)

#: Names of the rules of consent: of states that belong to the email address, and of subscription groups.
FOLLOW_EMAIL, FOLLOW_ADDRESS = "follow_email", "follow_address"

#: Name of a rule → its sentence on the console; docs/compatibility.md has the same.
RULE_SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        "fill": "The survivor keeps its value, and takes the orphan's if it has none.",
        "fill_unless_encrypted": (
            "The survivor keeps its address, and takes the orphan's if it has none and that one is not encrypted."
        ),
        "add": "Both values are added.",
        "earliest": "The earlier of both times stays.",
        "latest": "The later of both times stays.",
        "either": "It is true if it is true on one of both profiles.",
        "fill_keys": "The survivor keeps its entries, and takes the orphan's under keys that it lacks.",
        "unite": "The survivor has the entries of both profiles, each once.",
        FOLLOW_EMAIL: (
            "The state belongs to the email address: the survivor takes it with the address, and an opt-out counts more"
            " than an opt-in."
        ),
        FOLLOW_ADDRESS: (
            "The state belongs to the email address or phone number: the survivor takes it with the address, and an"
            " opt-out counts more than an opt-in."
        ),
        "entry_by_entry": "Each part of the entry has its own rule; a part without one is filled.",
        "key_by_key": "Entries of one profile are copied; an entry of both is combined part by part.",
    }
)


def entry_by_entry(**entries: Rule) -> Rule:
    """Return the rule for one entry of a summary: each named part by its rule, any other part by fill."""

    def combine(ours: Map | None, theirs: Map | None) -> Map:
        if not (ours and theirs):
            return ours or theirs or {}
        combined = {**ours}
        for part, value in theirs.items():
            combined[part] = entries.get(part, FILL).combine(ours.get(part), value)
        return combined

    return Rule(name="entry_by_entry", combine=combine, entries=entries)


def key_by_key(entry: Rule) -> Rule:
    """Return the rule for a summary: keys of one side are copied, keys of both sides are combined by *entry*."""

    def combine(ours: Map | None, theirs: Map | None) -> Map:
        ours = ours or {}
        if not theirs:
            return ours
        given = {key: entry.combine(ours[key], value) if key in ours else value for key, value in theirs.items()}
        return {**ours, **given}

    return Rule(name="key_by_key", combine=combine, entries={"*": entry})


SUMMARY = key_by_key(entry_by_entry(count=ADD, first=EARLIEST, last=LATEST))
APPS = key_by_key(entry_by_entry(sessions=ADD, first_used=EARLIEST, last_used=LATEST))
LATEST_BY_KEY = key_by_key(LATEST)
ENGAGED = key_by_key(ANY_TRUE)
CAMPAIGNS = key_by_key(entry_by_entry(last_received=LATEST, engaged=ENGAGED, converted=ANY_TRUE))
STEPS = key_by_key(entry_by_entry(last_received=LATEST))
CANVASES = key_by_key(
    entry_by_entry(
        last_received_message=LATEST,
        last_entered=LATEST,
        last_exited=LATEST,
        steps_received=STEPS,
        engaged=ENGAGED,
        converted=ANY_TRUE,
    )
)


def same_address(field: str, ours: Any, theirs: Any) -> Any:
    """Return the state that holds for the address of both, as in `combine_states`."""
    return combine_states(field, (ours, theirs))


def same_address_groups(ours: Map | None, theirs: Map | None) -> Map:
    """Return the states of all groups that hold for the addresses of both."""
    return combine_groups(lambda _, *states: combine_states(GROUPS, states), ours, theirs)


#: The rules of consent for two profiles with the same addresses. `app.merging.consent` has those of any two profiles.
CONSENT: Mapping[str, Rule] = {
    **{field: Rule(name=FOLLOW_EMAIL, combine=partial(same_address, field)) for field in EMAIL_FIELDS},
    GROUPS: Rule(name=FOLLOW_ADDRESS, combine=same_address_groups),
}

#: Merged by no rule: identity, guards, and the origins of identifiers, which `merge_profiles` sets.
IDENTITY = frozenset(
    {
        "workspace_id",
        "id",
        "braze_id",
        "created_at",
        "updated_at",
        "random_bucket",
        "control_group",
        "marked_for_deletion_at",
        "absorbed_on",
        "absorbed_count",
        "alias_origins",
        "email_origin_id",
        "phone_origin_id",
    }
)

#: Fields that do not merge by FILL.
OTHER_RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "user_aliases": FILL_KEYS,
        "test_user": ANY_TRUE,
        "email": FILL_UNLESS_ENCRYPTED,
        "push_tokens": UNION,
        "devices": UNION,
        "session_count": ADD,
        "first_session_at": EARLIEST,
        "last_session_at": LATEST,
        "apps": APPS,
        "custom_attributes": FILL_KEYS,
        "custom_events": SUMMARY,
        "purchases": SUMMARY,
        "purchase_count": ADD,
        "revenue_cents": ADD,
        "first_purchase_at": EARLIEST,
        "last_purchase_at": LATEST,
        "campaigns_received": CAMPAIGNS,
        "canvases_received": CANVASES,
        "last_interactions": LATEST_BY_KEY,
        **CONSENT,
    }
)

#: Field → rule, for `/users/merge` and `/users/identify`, in the order of the fields of Profile.
#: `tests/project` compares it with the docs.
MERGE_RULES: Mapping[str, Rule] = MappingProxyType(
    {each.name: OTHER_RULES.get(each.name, FILL) for each in fields(Profile) if each.name not in IDENTITY}
)


def rule_at(field: str, *path: str) -> Rule:
    """Return the rule for the part of *field* at *path*."""
    return reduce(rule_below, path, MERGE_RULES[field])


def rule_below(rule: Rule, key: str) -> Rule:
    """Return the rule for the part under *key* of a value that *rule* combines."""
    if not rule.entries:
        return rule
    return rule.entries.get(key) or rule.entries.get("*") or FILL
