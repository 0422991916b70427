"""Consent follows the address: the consent of the survivor depends on the addresses of both profiles."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.merging.changes import list_changes
from app.merging.consent import OF_PHONE, PairReach, Reach, pair_rules
from app.merging.consent_states import EMAIL_FIELDS, GROUPS, GroupKinds
from app.merging.merge import merge_profiles
from app.merging.profile import Profile
from app.merging.rules import MERGE_RULES
from tests.support.factories import a_phone, a_profile, an_email
from tests.support.generated import AT

MON, TUE = "2026-02-02T09:00:00.000Z", "2026-02-03T09:00:00.000Z"
MONDAY, TUESDAY = datetime(2026, 2, 2, 9, tzinfo=UTC), datetime(2026, 2, 3, 9, tzinfo=UTC)
IN, IN_LATER = ({"state": "opted_in", "opted_in_at": moment} for moment in (MON, TUE))
OUT, OUT_LATER = ({"state": "unsubscribed", "unsubscribed_at": moment} for moment in (MON, TUE))
PLAIN = {"state": "subscribed"}
OPENS = "email_open_tracking_disabled"
SPAM = "marked_email_as_spam_at"
ADA, BOB = "ada@example.com", "bob@example.com"
HIDDEN = an_email("0x8f3a", encrypted=True)
MOBILE, HOME = "+14155550199", "+14155550198"
DECLARED = GroupKinds(email_groups=frozenset({"mail"}), sms_groups=frozenset({"sms"}))

Fields = dict[str, Any]


def merge(ours: Fields, theirs: Fields) -> Profile:
    """Return the survivor of a merge of two profiles with these fields."""
    return merge_profiles(survivor=a_profile(**ours), orphan=a_profile(**theirs), at=AT, groups=DECLARED)


def subscription(ours: Fields, theirs: Fields) -> Any:
    return merge(ours, theirs).email_subscription


@pytest.mark.parametrize(
    ("ours", "theirs", "result"),
    [
        (IN, OUT, OUT),
        (None, OUT, OUT),
        (PLAIN, OUT, OUT),
        (OUT, IN, OUT),
        (OUT, OUT_LATER, OUT_LATER),
        # An opt-in of a survivor without an address does not apply to the address that it takes.
        (IN, None, None),
        (IN, PLAIN, PLAIN),
        (IN_LATER, IN, IN),
        (None, IN, IN),
        (OUT, None, OUT),
    ],
)
def test_a_survivor_that_takes_an_address_takes_its_state(ours: Any, theirs: Any, result: Any) -> None:
    assert subscription({"email_subscription": ours}, {"email": ADA, "email_subscription": theirs}) == result


@pytest.mark.parametrize(
    ("ours", "theirs", "result"),
    [
        (IN, OUT, OUT),
        (OUT, IN_LATER, OUT),
        (OUT, OUT_LATER, OUT_LATER),
        (IN, IN_LATER, IN_LATER),
        (IN_LATER, IN, IN_LATER),
        (PLAIN, IN, IN),
        (IN, PLAIN, IN),
        (None, IN, IN),
        (IN, None, IN),
        (None, None, None),
    ],
)
def test_of_two_states_of_one_address_the_opt_out_wins_then_the_newer_opt_in(
    ours: Any, theirs: Any, result: Any
) -> None:
    survivor = {"email": ADA, "email_subscription": ours}

    assert subscription(survivor, {"email": "ADA@example.com", "email_subscription": theirs}) == result
    # Without addresses both states belong to the same address: none.
    assert subscription({"email_subscription": ours}, {"email_subscription": theirs}) == result


@pytest.mark.parametrize("ours", [None, IN, OUT, PLAIN])
@pytest.mark.parametrize("theirs", [None, IN_LATER, OUT_LATER])
@pytest.mark.parametrize(("our_email", "their_email"), [(ADA, BOB), (None, HIDDEN), (ADA, HIDDEN), (HIDDEN, ADA)])
def test_an_address_that_is_not_taken_brings_no_state(our_email: Any, their_email: Any, ours: Any, theirs: Any) -> None:
    survivor = {"email": our_email, "email_subscription": ours}

    assert subscription(survivor, {"email": their_email, "email_subscription": theirs}) == ours


@pytest.mark.parametrize(
    ("ours", "theirs", "result"), [(IN, OUT, OUT), (None, OUT, OUT), (None, IN, None), (PLAIN, IN, PLAIN)]
)
def test_an_orphan_without_an_address_brings_its_opt_out_and_no_opt_in(ours: Any, theirs: Any, result: Any) -> None:
    assert subscription({"email": ADA, "email_subscription": ours}, {"email_subscription": theirs}) == result


@pytest.mark.parametrize(
    ("field", "ours", "theirs", "taken", "same"),
    [
        (OPENS, False, True, True, True),
        (OPENS, True, False, True, True),
        (OPENS, False, None, None, False),
        (OPENS, None, False, False, False),
        (SPAM, None, MONDAY, MONDAY, MONDAY),
        (SPAM, MONDAY, None, MONDAY, MONDAY),
        (SPAM, MONDAY, TUESDAY, TUESDAY, TUESDAY),
        (SPAM, TUESDAY, MONDAY, TUESDAY, TUESDAY),
    ],
)
def test_tracking_flags_and_spam_marks_follow_the_email_address(
    field: str, ours: Any, theirs: Any, taken: Any, same: Any
) -> None:
    results = [
        getattr(merge({"email": email, field: ours}, {"email": ADA, field: theirs}), field)
        for email in (None, ADA, BOB)
    ]

    assert results == [taken, same, ours]


@pytest.mark.parametrize(
    ("survivor", "orphan", "result"),
    [
        # A declared SMS group follows the phone number, and no email address.
        ({"sms": "subscribed"}, {"phone": MOBILE, GROUPS: {"sms": "unsubscribed"}}, {"sms": "unsubscribed"}),
        ({"sms": "subscribed"}, {"phone": MOBILE, GROUPS: {}}, {}),
        ({"sms": "subscribed"}, {"email": ADA, GROUPS: {}}, {"sms": "subscribed"}),
        ({}, {"email": ADA, "phone": MOBILE, GROUPS: {"sms": "subscribed"}}, {"sms": "subscribed"}),
        ({}, {"email": HIDDEN, "phone": MOBILE, GROUPS: {"sms": "subscribed"}}, {"sms": "subscribed"}),
        # A declared email group follows the email address.
        ({"mail": "subscribed"}, {"email": ADA, GROUPS: {"mail": "unsubscribed"}}, {"mail": "unsubscribed"}),
        ({}, {"email": HIDDEN, "phone": MOBILE, GROUPS: {"mail": "subscribed"}}, {}),
        ({}, {"email": HIDDEN, GROUPS: {"mail": "unsubscribed"}}, {}),
        # An undeclared group: an opt-out needs one address, an opt-in all.
        ({}, {"email": HIDDEN, "phone": MOBILE, GROUPS: {"g": "unsubscribed"}}, {"g": "unsubscribed"}),
        ({}, {"email": HIDDEN, "phone": MOBILE, GROUPS: {"g": "subscribed"}}, {}),
        ({}, {"email": ADA, "phone": MOBILE, GROUPS: {"g": "subscribed"}}, {"g": "subscribed"}),
        ({"g": "subscribed"}, {"email": HIDDEN, "phone": MOBILE, GROUPS: {"g": "subscribed"}}, {}),
        ({"g": "subscribed"}, {"email": HIDDEN, GROUPS: {"g": "unsubscribed"}}, {"g": "subscribed"}),
        ({"g": "subscribed"}, {"email": ADA, GROUPS: {}}, {}),
    ],
)
def test_a_group_follows_its_address_to_a_survivor_without_one(
    survivor: Fields, orphan: Fields, result: Fields
) -> None:
    assert merge({GROUPS: survivor}, orphan).subscription_groups == result


@pytest.mark.parametrize(
    ("survivor", "orphan", "result"),
    [
        (
            {"phone": MOBILE, GROUPS: {"sms": "subscribed"}},
            {"phone": HOME, GROUPS: {"sms": "unsubscribed"}},
            "subscribed",
        ),
        ({"phone": MOBILE}, {"phone": HOME, GROUPS: {"sms": "subscribed"}}, None),
        (
            {"phone": MOBILE, GROUPS: {"sms": "subscribed"}},
            {"phone": "+1 415 555 0199", GROUPS: {"sms": "unsubscribed"}},
            "unsubscribed",
        ),
        ({"phone": MOBILE}, {"email": ADA, GROUPS: {"sms": "subscribed"}}, None),
        ({"phone": MOBILE}, {"email": ADA, GROUPS: {"sms": "unsubscribed"}}, "unsubscribed"),
    ],
)
def test_an_sms_group_belongs_to_the_phone_number(survivor: Fields, orphan: Fields, result: str | None) -> None:
    assert merge(survivor, orphan).subscription_groups.get("sms") == result


@pytest.mark.parametrize(
    ("survivor", "orphan", "result"),
    [
        # A survivor with an address keeps its own opt-in.
        ({"phone": MOBILE, GROUPS: {"g": "subscribed"}}, {"email": ADA}, "subscribed"),
        ({"phone": MOBILE, GROUPS: {"g": "subscribed"}}, {"email": ADA, GROUPS: {"g": "unsubscribed"}}, "unsubscribed"),
        ({"email": ADA}, {"email": ADA, "phone": MOBILE, GROUPS: {"g": "subscribed"}}, "subscribed"),
        ({"email": ADA}, {"email": BOB, "phone": MOBILE, GROUPS: {"g": "subscribed"}}, None),
        ({"email": ADA}, {"email": BOB, "phone": MOBILE, GROUPS: {"g": "unsubscribed"}}, "unsubscribed"),
        ({"email": ADA}, {"email": BOB, GROUPS: {"g": "unsubscribed"}}, None),
        ({"email": ADA}, {GROUPS: {"g": "subscribed"}}, None),
        ({"email": ADA}, {GROUPS: {"g": "unsubscribed"}}, "unsubscribed"),
        ({}, {GROUPS: {"g": "subscribed"}}, "subscribed"),
    ],
)
def test_an_undeclared_group_belongs_to_either_address(survivor: Fields, orphan: Fields, result: str | None) -> None:
    assert merge(survivor, orphan).subscription_groups.get("g") == result


def test_a_number_without_e164_form_is_not_the_same_as_another() -> None:
    reach = PairReach.between(survivor=a_profile(phone=a_phone(MOBILE)), orphan=a_profile(phone=a_phone("0123")))

    assert reach.by_kinds[OF_PHONE] is Reach.NOT_TAKEN


@pytest.mark.parametrize(("ours", "theirs", "result"), [(IN, OUT, IN), (None, OUT, OUT), (OUT, IN, OUT)])
def test_push_consent_stays_with_the_profile(ours: Any, theirs: Any, result: Any) -> None:
    survivor, orphan = {"push_subscription": ours}, {"email": ADA, "push_subscription": theirs}

    assert merge(survivor, orphan).push_subscription == result


def test_a_removed_opt_in_is_a_recorded_change() -> None:
    survivor = a_profile(subscription_groups={"mail": "subscribed"}, email_subscription=IN)
    orphan = a_profile(email=ADA)
    merged = merge_profiles(survivor=survivor, orphan=orphan, at=AT, groups=DECLARED)

    found = list_changes(before=survivor, after=merged, orphan=orphan)

    assert [(each["field"], each["before"], each["after"], each["rule"]) for each in found] == [
        ("email", None, ADA, "fill_unless_encrypted"),
        ("email_subscribe", "opted_in", None, "follow_email"),
        ("email_opted_in_at", MON, None, "follow_email"),
        ("subscription_groups.mail", "subscribed", None, "follow_address"),
    ]


def test_the_rules_of_a_pair_are_named_as_in_the_table() -> None:
    rules = pair_rules(survivor=a_profile(), orphan=a_profile(email=ADA), groups=DECLARED)

    assert [(field, rule.name) for field, rule in rules.items()] == [
        (field, rule.name) for field, rule in MERGE_RULES.items()
    ]
    assert {MERGE_RULES[field].name for field in EMAIL_FIELDS} == {"follow_email"}
