"""The values in the model's requests: few names and few values, so that requests affect the same people."""

from typing import Any

from hypothesis import strategies as st

from fuzz.model.consent import EMAIL_GROUP, SMS_GROUP
from fuzz.model.people import E164, Json

Values = st.SearchStrategy[Any]

EXTERNAL_IDS = ("a", "b", "c", "d", "e", "f")
LABELS = ("shop", "visitor")
NAMES = ("1", "2", "3")
EMAILS = ("ada@x.org", "ADA@x.org", " ada@X.ORG ", "weiß@x.org", "weiss@x.org")
PLACEHOLDER = {"external_id": "Null"}
STEPS = (
    ["identified"],
    ["unidentified"],
    ["most_recently_updated"],
    ["least_recently_updated"],
    ["identified", "most_recently_updated"],
    ["unidentified", "least_recently_updated"],
    ["most_recently_updated", "unidentified"],
)

external_ids = st.sampled_from(EXTERNAL_IDS)
aliases: Values = st.fixed_dictionaries({"alias_label": st.sampled_from(LABELS), "alias_name": st.sampled_from(NAMES)})
emails = st.sampled_from(EMAILS)
phones = st.sampled_from(tuple(E164))
#: Numbers that identify a profile.
valid_phones = st.sampled_from(tuple(sent for sent, e164 in E164.items() if e164))
steps = st.sampled_from(STEPS).map(list)
times = st.integers(0, 60).map(lambda hours: f"2026-03-{1 + hours // 24:02}T{hours % 24:02}:00:00Z")
texts = st.sampled_from(("", "Ada", "Bob", "é"))

by_id: Values = st.fixed_dictionaries({"external_id": external_ids})
by_alias: Values = st.fixed_dictionaries({"user_alias": aliases})
by_address: Values = st.fixed_dictionaries({"email": emails}) | st.fixed_dictionaries({"phone": valid_phones})

by_device: Values = st.fixed_dictionaries({"device_id": st.sampled_from(("d1", "d2", "d3"))})

by_email: Values = st.fixed_dictionaries({"email": emails, "prioritization": steps})
by_phone: Values = st.fixed_dictionaries({"phone": phones, "prioritization": steps})
#: Identifiers of a side of a merge: mostly names, sometimes addresses, rarely a placeholder.
identifiers: Values = st.sampled_from(
    (*[by_id] * 9, *[by_alias] * 3, *[by_email] * 3, *[by_phone] * 2, st.just(PLACEHOLDER))
).flatmap(lambda kind: kind)

#: States in a group of each kind.
IN_GROUPS = [
    {"subscription_group_id": group, "subscription_state": state}
    for group in (EMAIL_GROUP, SMS_GROUP, "either")
    for state in ("subscribed", "unsubscribed")
]

#: Attributes of a person; null removes a value.
DESCRIBED: dict[str, Values] = {
    "first_name": st.none() | texts,
    "last_name": st.none() | texts,
    "gender": st.sampled_from(("F", "M", None)),
    "dob": st.sampled_from(("1815-12-10", "1990-02-28")),
    "home_city": texts,
    "country": st.sampled_from(("DE", "US")),
    "language": st.sampled_from(("en", "de")),
    "time_zone": st.sampled_from(("Europe/Berlin", "UTC")),
    "current_location": st.just({"longitude": 7.5, "latitude": 51.5}),
    "email_subscribe": st.sampled_from(("opted_in", "subscribed", "unsubscribed", None)),
    "push_subscribe": st.sampled_from(("opted_in", "subscribed", "unsubscribed", None)),
    "devices": st.lists(st.sampled_from(({"device_id": "d1", "model": "m"}, {"device_id": "d2"})), max_size=2),
    "push_tokens": st.just([{"app_id": "ios", "token": "t1"}]) | st.just([{"app_id": "ios", "token": "t2"}]),
    "email_open_tracking_disabled": st.sampled_from((True, False, None)),
    "marked_email_as_spam_at": st.sampled_from(("2026-03-01T00:00:00.000Z", "2026-03-02T00:00:00.000Z", None)),
    "subscription_groups": st.none() | st.lists(st.sampled_from(IN_GROUPS), min_size=1, max_size=2),
    "test_user": st.booleans(),
    "plan": st.sampled_from(("gold", "", None, {"of": [1, None]}, False)),
    "visits": st.integers(-3, 3) | st.just({"inc": 2}) | st.just("many"),
    "tags": st.sampled_from(([], ["x", "y"], {"add": ["z", "x"]}, {"add": ["y"], "remove": ["x"]}, {"remove": ["x"]})),
}
#: Attributes that protect a profile from merges; rare, so that most profiles can merge.
GUARDED: dict[str, Values] = {
    "control_group": st.booleans(),
    "marked_for_deletion_at": st.sampled_from(("2026-03-01T00:00:00.000Z", None)),
}
#: Addresses beside a primary identifier are attributes, like the attributes of addresses.
ADDRESSED: dict[str, Values] = {
    "email": st.none() | emails,
    "phone": st.none() | phones,
    "email_encrypted": st.booleans(),
}


@st.composite
def descriptions(draw: st.DrawFn, who: Values, *, addressed: bool) -> Json:
    """Return an attributes object for *who*; *addressed* when it may set addresses."""
    optional = DESCRIBED | (ADDRESSED if addressed else {}) | (GUARDED if draw(st.integers(0, 7)) == 0 else {})
    entry: Json = draw(st.fixed_dictionaries({}, optional=optional))
    only = draw(st.sampled_from((None, None, False, False, True)))
    return {**entry, **draw(who), **({} if only is None else {"_update_existing_only": only})}


def _entries(who: Values, **fields: Values) -> Values:
    """Return a few objects with *fields* for *who*."""
    only = {"_update_existing_only": st.booleans()}
    entry = st.tuples(who, st.fixed_dictionaries(fields, optional=only)).map(lambda parts: {**parts[0], **parts[1]})
    return st.lists(entry, max_size=3)


@st.composite
def tracks(draw: st.DrawFn) -> Json:
    """Return a request of `/users/track`: of people by id and alias, or of one person by an address or a device."""
    if draw(st.integers(0, 3)) == 0:
        who: Values = st.just(draw(by_address | by_device))
        described = st.lists(descriptions(who, addressed=False), max_size=1)
    else:
        who = by_id | by_alias
        described = st.lists(descriptions(who, addressed=True), max_size=3)
    body = {
        "attributes": draw(described),
        "events": draw(_entries(who, name=st.sampled_from(("login", "buy")), time=times)),
        "purchases": draw(
            _entries(
                who,
                product_id=st.sampled_from(("hat", "cap")),
                currency=st.just("USD"),
                price=st.sampled_from((0.01, 9.99, 80.0, -5.0, 0.004, 1.239, -0.005)),
                quantity=st.integers(1, 3),
                time=times,
            )
        ),
        "sessions": draw(_entries(who, app_id=st.sampled_from(("ios", "web")), started_at=times)),
        "engagements": draw(
            _entries(
                who,
                kind=st.sampled_from(("campaign", "canvas")),
                id=st.sampled_from(("sale", "welcome")),
                event=st.sampled_from(("received", "opened_email", "converted", "entered")),
                time=times,
            )
        ),
    }
    return {array: objects for array, objects in body.items() if objects}


#: The people at the start, each with an address.
crowds: Values = st.lists(
    st.tuples(by_id | by_alias, st.fixed_dictionaries({}, optional=DESCRIBED | ADDRESSED)).map(
        lambda parts: {**parts[1], **parts[0], "_update_existing_only": False}
    ),
    min_size=6,
    max_size=14,
).map(lambda people: {"attributes": people})

new_aliases: Values = st.lists(
    st.tuples(aliases, st.fixed_dictionaries({}, optional={"external_id": external_ids})).map(
        lambda parts: {**parts[0], **parts[1]}
    ),
    min_size=1,
    max_size=3,
)

merges: Values = st.lists(
    st.fixed_dictionaries({"identifier_to_merge": identifiers, "identifier_to_keep": identifiers}),
    min_size=1,
    max_size=5,
)

identifications: Values = st.fixed_dictionaries(
    {},
    optional={
        "aliases_to_identify": st.lists(
            st.fixed_dictionaries({"external_id": external_ids, "user_alias": aliases}), max_size=3
        ),
        "emails_to_identify": st.lists(
            st.fixed_dictionaries({"external_id": external_ids, "email": emails, "prioritization": steps}), max_size=2
        ),
        "phone_numbers_to_identify": st.lists(
            st.fixed_dictionaries({"external_id": external_ids, "phone": valid_phones, "prioritization": steps}),
            max_size=2,
        ),
    },
).filter(bool)

deletions: Values = st.fixed_dictionaries(
    {},
    optional={
        "external_ids": st.lists(external_ids, max_size=2),
        "user_aliases": st.lists(aliases, max_size=2),
        "email_addresses": st.lists(st.fixed_dictionaries({"email": emails, "prioritization": steps}), max_size=1),
    },
).filter(lambda body: any(body.values()))
