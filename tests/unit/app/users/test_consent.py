"""Consent follows the address: states reach the profiles with the address, and may change with a profile's address."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.merging.consent_states import GROUPS, Slot, combine_states, is_opt_out
from app.merging.profile import Profile
from app.users.consent import ConsentRules, SharedConsent
from app.users.draft import Draft
from app.users.track_apply import apply_assigned
from schemas.placeholders import DEFAULT_PLACEHOLDERS
from schemas.track import load_track
from tests.support.factories import a_profile, an_email

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
NOW_TEXT = "2026-06-01T12:00:00.000Z"
MAY, JUNE = datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)
RULES = ConsentRules(email_groups=frozenset({"mail"}), sms_groups=frozenset({"sms"}))
SUBSCRIPTION = Slot("email_subscription")
SPAM = Slot("marked_email_as_spam_at")
OPTED_IN = {"state": "opted_in", "opted_in_at": "2026-01-01T00:00:00.000Z"}
NEWER_OPT_IN = {"state": "opted_in", "opted_in_at": "2026-02-01T00:00:00.000Z"}
OUT = {"state": "unsubscribed", "unsubscribed_at": "2025-01-01T00:00:00.000Z"}
NEWER_OUT = {"state": "unsubscribed", "unsubscribed_at": "2025-02-01T00:00:00.000Z"}
PLAIN = {"state": "subscribed"}


def after(profiles: list[Profile], *objects: dict[str, Any], rules: ConsentRules = RULES) -> list[Profile]:
    """Return *profiles* after attributes objects; each object is for the profile at its `to`, by default the first."""
    drafts = [Draft(profile) for profile in profiles]
    consent = SharedConsent.of(rules, drafts)
    loaded = load_track(
        {"attributes": [{"external_id": "x", **{k: v for k, v in each.items() if k != "to"}} for each in objects]}
    )
    assert loaded.errors == []
    assigned = [(drafts[each.get("to", 0)], entry) for each, entry in zip(objects, loaded.entries, strict=True)]
    apply_assigned(assigned, at=NOW, array_cap=3, consent=consent)
    return [draft.finish(None) for draft in drafts]


def group(name: str, state: str) -> dict[str, Any]:
    return {GROUPS: [{"subscription_group_id": name, "subscription_state": state}]}


def email_key(profile: Profile) -> str | None:
    return profile.email and profile.email.key


def is_out(profile: Profile) -> bool:
    return is_opt_out(SUBSCRIPTION.field, profile.email_subscription)


def test_no_state_follows_an_address_that_unrelated_people_share() -> None:
    rules = ConsentRules(refused=DEFAULT_PLACEHOLDERS)
    nobody = an_email("null@null.com")
    out, other = a_profile(email=nobody, email_subscription=OUT), a_profile(email=nobody)
    opted_in = after([out, other], {"to": 1, "email_subscribe": "opted_in"}, rules=rules)
    taken = after([out, a_profile()], {"to": 1, "email": "null@null.com"}, rules=rules)

    assert (opted_in[0].email_subscription, is_out(opted_in[1])) == (OUT, False)
    assert taken[1].email_subscription is None


@pytest.mark.parametrize(
    ("slot", "states", "one"),
    [
        (SUBSCRIPTION, [NEWER_OPT_IN, OUT], OUT),
        (SUBSCRIPTION, [OUT, NEWER_OUT], NEWER_OUT),
        (SUBSCRIPTION, [OPTED_IN, NEWER_OPT_IN], NEWER_OPT_IN),
        (SUBSCRIPTION, [PLAIN, OPTED_IN, None], OPTED_IN),
        (SUBSCRIPTION, [PLAIN, {"state": "opted_in"}], {"state": "opted_in"}),
        (SUBSCRIPTION, [None, None], None),
        (SPAM, [MAY, JUNE, None], JUNE),
        (Slot("email_open_tracking_disabled"), [False, True], True),
        (Slot("email_open_tracking_disabled"), [False, None], False),
        (Slot(GROUPS, "mail"), ["unsubscribed", "subscribed"], "unsubscribed"),
        (Slot(GROUPS, "mail"), [None, "subscribed"], "subscribed"),
    ],
)
def test_of_two_states_of_an_address_one_holds(slot: Slot, states: list[Any], one: Any) -> None:
    assert combine_states(slot.field, states) == one
    assert combine_states(slot.field, reversed(states)) == one


@given(st.lists(st.sampled_from([None, PLAIN, OPTED_IN, NEWER_OPT_IN, OUT, NEWER_OUT])))
def test_an_opt_out_always_wins_and_no_state_is_invented(states: list[Any]) -> None:
    one = combine_states(SUBSCRIPTION.field, states)

    assert is_opt_out(SUBSCRIPTION.field, one) == any(is_opt_out(SUBSCRIPTION.field, each) for each in states)
    assert one is None or one in states


@pytest.mark.parametrize(
    ("attribute", "value", "field", "stored"),
    [
        (
            "email_subscribe",
            "unsubscribed",
            "email_subscription",
            {"state": "unsubscribed", "unsubscribed_at": NOW_TEXT},
        ),
        ("email_subscribe", "opted_in", "email_subscription", {"state": "opted_in", "opted_in_at": NOW_TEXT}),
        ("email_subscribe", "subscribed", "email_subscription", {"state": "subscribed"}),
        ("email_subscribe", None, "email_subscription", None),
        ("email_open_tracking_disabled", True, "email_open_tracking_disabled", True),
        ("email_click_tracking_disabled", False, "email_click_tracking_disabled", False),
        ("marked_email_as_spam_at", "2026-05-01T00:00:00Z", "marked_email_as_spam_at", MAY),
    ],
)
def test_a_state_of_an_email_address_reaches_the_profiles_with_it(
    attribute: str, value: Any, field: str, stored: Any
) -> None:
    present: dict[str, Any] = {"email_subscription": PLAIN, "email_click_tracking_disabled": True}
    same = a_profile(email=" B@x.org", **present)
    phone, other = a_profile(email="c@x.org", phone="+14155550100"), a_profile(email="d@x.org")
    ours, equal, by_phone, stranger = after(
        [a_profile(email="b@x.org", phone="+14155550100", **present), same, phone, other], {attribute: value}
    )

    assert getattr(ours, field) == getattr(equal, field) == stored
    assert (by_phone, stranger) == (phone, other)
    assert equal.updated_at == same.updated_at


def test_push_consent_and_other_attributes_stay_with_the_profile() -> None:
    same = a_profile(email="b@x.org")
    _, equal = after([a_profile(email="b@x.org"), same], {"push_subscribe": "unsubscribed", "first_name": "Ada"})

    assert equal == same


@pytest.mark.parametrize("state", ["subscribed", "unsubscribed"])
@pytest.mark.parametrize(("name", "to_email", "to_phone"), [("mail", True, False), ("sms", False, True)])
def test_a_declared_group_follows_its_kind_of_address(state: str, name: str, *, to_email: bool, to_phone: bool) -> None:
    ours = a_profile(email="b@x.org", phone="+14155550100")
    _, email, phone = after(
        [ours, a_profile(email="b@x.org", phone="+14155550101"), a_profile(phone="+1 (415) 555-0100")],
        group(name, state),
    )

    assert (email.subscription_groups == {name: state}) == to_email
    assert (phone.subscription_groups == {name: state}) == to_phone


def test_of_an_undeclared_group_an_opt_out_needs_one_common_address_and_an_opt_in_all() -> None:
    ours = a_profile(email="b@x.org", phone="+14155550100")
    others = [
        a_profile(email="b@x.org", phone="+14155550100"),
        a_profile(email="b@x.org"),
        a_profile(phone="+14155550100", email="c@x.org"),
        a_profile(email="c@x.org"),
        a_profile(),
    ]
    opted_in = after([ours, *others], group("g", "subscribed"))[1:]
    opted_out = after([ours, *others], group("g", "unsubscribed"))[1:]

    assert [each.subscription_groups.get("g") for each in opted_in] == ["subscribed", None, None, None, None]
    assert [each.subscription_groups.get("g") for each in opted_out] == [*["unsubscribed"] * 3, None, None]


def test_removing_all_groups_reaches_the_profiles_with_the_same_addresses() -> None:
    groups = {"mail": "subscribed", "sms": "unsubscribed", "g": "unsubscribed", "h": "subscribed"}
    ours, same, email = (
        a_profile(email="b@x.org", phone=phone, subscription_groups=groups)
        for phone in ("+14155550100", "+14155550100", None)
    )
    _, equal, by_email = after([ours, same, email], {GROUPS: None})

    assert equal.subscription_groups == {}
    assert by_email.subscription_groups == {name: state for name, state in groups.items() if name != "mail"}


def test_a_number_without_e164_form_is_shared_by_no_profile() -> None:
    other = a_profile(phone="0123")

    assert after([a_profile(phone="0123"), other], group("sms", "unsubscribed"))[1] == other


def test_an_encrypted_address_is_shared_by_profiles_with_the_same_text() -> None:
    profiles = [a_profile(email=an_email("cipher", encrypted=encrypted)) for encrypted in (True, True, False)]
    states = [each.email_subscription for each in after(profiles, {"email_subscribe": "unsubscribed"})]

    assert states == [{"state": "unsubscribed", "unsubscribed_at": NOW_TEXT}] * 3


def test_the_objects_of_a_request_act_in_order() -> None:
    one, two = after(
        [a_profile(email="b@x.org"), a_profile()],
        {"email_subscribe": "unsubscribed"},
        {"to": 1, "email": "b@x.org"},
        {"to": 1, "email_subscribe": "opted_in"},
    )

    assert one.email_subscription == two.email_subscription
    assert one.email_subscription is not None
    assert one.email_subscription["state"] == "opted_in"


def test_a_profile_that_leaves_an_address_gets_its_states_no_more() -> None:
    one, two = after(
        [a_profile(email="b@x.org"), a_profile(email="b@x.org")],
        {"to": 1, "email": "c@x.org"},
        {"email_subscribe": "unsubscribed"},
    )

    assert one.email_subscription is not None
    assert two.email_subscription is None


HOLDER = {
    "email_subscription": OPTED_IN,
    "email_open_tracking_disabled": True,
    "subscription_groups": {"mail": "subscribed"},
}


@pytest.mark.parametrize("own", [{}, {"email": "a@x.org"}])
def test_a_profile_that_takes_over_an_address_takes_its_states(own: dict[str, Any]) -> None:
    _, taker = after([a_profile(email="b@x.org", **HOLDER), a_profile(**own)], {"to": 1, "email": "B@x.org"})

    assert {name: getattr(taker, name) for name in HOLDER} == HOLDER


def test_of_the_profiles_with_the_address_the_opt_out_wins() -> None:
    holders = [a_profile(email="b@x.org", email_subscription=each) for each in (NEWER_OPT_IN, OUT, PLAIN, None)]
    *_, taker = after([*holders, a_profile()], {"to": 4, "email": "b@x.org"})

    assert taker.email_subscription == OUT


def test_a_state_in_the_same_object_wins_and_reaches_the_others() -> None:
    holder, taker = after(
        [a_profile(email="b@x.org", email_subscription=OUT), a_profile(email="a@x.org", email_subscription=OPTED_IN)],
        {"to": 1, "email": "b@x.org", "email_subscribe": "opted_in"},
    )

    assert holder.email_subscription == taker.email_subscription
    assert holder.email_subscription == {**OUT, "state": "opted_in", "opted_in_at": NOW_TEXT}


@pytest.mark.parametrize(
    ("own", "of_address", "taken"),
    [(OUT, OPTED_IN, OUT), (OPTED_IN, None, None), (NEWER_OPT_IN, OPTED_IN, OPTED_IN), (OPTED_IN, OUT, OUT)],
)
def test_an_opt_out_of_the_former_address_stays_and_an_opt_in_does_not(own: Any, of_address: Any, taken: Any) -> None:
    holder = a_profile(email="b@x.org", email_subscription=of_address)
    unchanged, taker = after(
        [holder, a_profile(email="a@x.org", email_subscription=own)], {"to": 1, "email": "b@x.org"}
    )

    assert taker.email_subscription == taken
    assert unchanged == holder


def test_states_without_an_address_belong_to_the_first_one() -> None:
    holder = a_profile(email="b@x.org", email_subscription=OPTED_IN)
    _, taker = after([holder, a_profile(email_subscription=NEWER_OPT_IN)], {"to": 1, "email": "b@x.org"})

    assert taker.email_subscription == NEWER_OPT_IN


def test_an_undeclared_group_is_taken_over_as_it_would_reach_the_profile() -> None:
    groups = {"in": "subscribed", "out": "unsubscribed"}
    holder = a_profile(email="b@x.org", phone="+14155550100", subscription_groups=groups)
    _, email_alone = after([holder, a_profile()], {"to": 1, "email": "b@x.org"})
    _, both = after([holder, a_profile()], {"to": 1, "email": "b@x.org", "phone": "+14155550100"})

    assert email_alone.subscription_groups == {"out": "unsubscribed"}
    assert both.subscription_groups == groups


STATES = {
    "email_subscription": OPTED_IN,
    "email_open_tracking_disabled": True,
    "marked_email_as_spam_at": MAY,
    "email_click_tracking_disabled": False,
    "subscription_groups": {"mail": "subscribed", "sms": "subscribed", "in": "subscribed", "out": "unsubscribed"},
}
OPT_OUTS = {
    "email_subscription": None,
    "email_open_tracking_disabled": True,
    "marked_email_as_spam_at": MAY,
    "email_click_tracking_disabled": None,
    "subscription_groups": {"sms": "subscribed", "out": "unsubscribed"},
}
NO_STATES = {
    "email_subscription": None,
    "email_open_tracking_disabled": None,
    "marked_email_as_spam_at": None,
    "email_click_tracking_disabled": None,
    # The opt-out may belong to the phone number, which stays.
    "subscription_groups": {"sms": "subscribed", "out": "unsubscribed"},
}


@pytest.mark.parametrize(("rule", "left"), [("keep", STATES), ("keep_opt_outs", OPT_OUTS), ("reset", NO_STATES)])
def test_a_setting_decides_what_a_profile_keeps_when_its_address_changes(rule: str, left: dict[str, Any]) -> None:
    rules = ConsentRules(email_groups=RULES.email_groups, sms_groups=RULES.sms_groups, address_change=rule)
    profile = a_profile(email="a@x.org", phone="+14155550100", **STATES)
    (changed,) = after([profile], {"email": "b@x.org"}, rules=rules)

    assert {name: getattr(changed, name) for name in STATES} == left


@pytest.mark.parametrize("rule", ["keep", "keep_opt_outs", "reset"])
def test_an_opt_out_survives_the_removal_and_the_return_of_its_address(rule: str) -> None:
    profile = a_profile(email="a@x.org", email_subscription=OUT)
    rules = ConsentRules(address_change=rule)

    assert after([profile], {"email": None}, {"email": "A@x.org"}, rules=rules)[0].email_subscription == OUT
    assert after([profile], {"email": " A@x.org"}, rules=rules)[0].email_subscription == OUT


def test_a_reset_state_of_both_addresses_is_gone() -> None:
    profile = a_profile(email="a@x.org", phone="+14155550100", subscription_groups={"out": "unsubscribed"})
    moved = {"email": "b@x.org", "phone": "+14155550101"}

    assert after([profile], moved, rules=ConsentRules(address_change="reset"))[0].subscription_groups == {}


ADDRESSES = st.sampled_from([None, "a@x.org", "b@x.org"])
STEPS = st.lists(
    st.fixed_dictionaries(
        {"to": st.integers(0, 2)},
        optional={
            "email": ADDRESSES,
            "phone": st.sampled_from([None, "+14155550100", "+14155550101"]),
            "email_subscribe": st.sampled_from(["opted_in", "subscribed", "unsubscribed"]),
        },
    ),
    max_size=8,
)


@given(steps=STEPS, rule=st.sampled_from(["keep", "keep_opt_outs"]))
def test_no_opt_out_becomes_an_opt_in_unless_an_object_sets_it(steps: list[dict[str, Any]], rule: str) -> None:
    profiles = [a_profile(), a_profile(email="a@x.org"), a_profile(email="a@x.org", email_subscription=OUT)]
    for step in steps:
        changed = after(profiles, step, rules=ConsentRules(address_change=rule))
        for before, now in zip(profiles, changed, strict=True):
            set_for_it = "email_subscribe" in step and email_key(now) == email_key(changed[step["to"]])
            assert set_for_it or is_out(now) or not is_out(before)
        profiles = changed


@given(steps=STEPS)
def test_the_profiles_with_the_address_of_a_set_state_agree(steps: list[dict[str, Any]]) -> None:
    profiles = [a_profile(), a_profile(email="a@x.org"), a_profile(email="b@x.org")]
    for step in steps:
        profiles = after(profiles, step)
        ours = profiles[step["to"]]
        if "email_subscribe" in step and ours.email is not None:
            same = [each for each in profiles if email_key(each) == email_key(ours)]
            assert all(each.email_subscription == ours.email_subscription for each in same)
