"""The kinds of duplicates: their profiles, and the identifiers of their pairs."""

from collections.abc import Callable
from datetime import UTC, datetime
from random import Random

import pytest

from demo.duplicates import MATCHED_BY, Duplicate, Kind, make_duplicate
from demo.people import Person, Profile, make_account, make_person

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
Maker = Callable[[Kind], tuple[Person, Profile, Duplicate]]


@pytest.fixture
def make() -> Maker:
    """A function that creates a person, an account and a duplicate of one kind."""

    def make_one(kind: Kind) -> tuple[Person, Profile, Duplicate]:
        rng = Random(7)
        person = make_person(1, rng)
        account = make_account(person, known=MATCHED_BY.get(kind, ()), now=NOW, rng=rng)
        return person, account, make_duplicate(kind, person, account, NOW, rng)

    return make_one


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_creates_profiles_and_pairs_of_its_kind(kind: Kind, make: Maker) -> None:
    _, account, duplicate = make(kind)

    assert duplicate.profiles
    assert account not in duplicate.profiles
    assert {pair.kind for pair in duplicate.pairs} == {kind}


@pytest.mark.parametrize("kind", Kind)
def test_an_account_has_the_identifiers_of_its_pair(kind: Kind, make: Maker) -> None:
    _, account, duplicate = make(kind)

    for pair in duplicate.pairs:
        for name in {"email", "phone"} & pair.survivor.keys():
            assert account.attributes[name] == pair.survivor[name]


def test_a_guest_has_the_same_email_an_alias_and_a_purchase(make: Maker) -> None:
    person, _, duplicate = make(Kind.GUEST_CHECKOUT)
    (guest,) = duplicate.profiles

    assert not guest.identified
    assert guest.attributes["email"] == person.email
    assert guest.purchases


def test_a_second_device_has_its_own_push_token_and_sessions(make: Maker) -> None:
    _, account, duplicate = make(Kind.SECOND_DEVICE)
    (app,) = duplicate.profiles

    assert app.sessions
    assert app.attributes["push_tokens"]
    assert app.attributes["devices"] != account.attributes["devices"]


def test_a_new_install_is_on_the_same_device(make: Maker) -> None:
    _, account, duplicate = make(Kind.REINSTALL)
    (app,) = duplicate.profiles

    assert app.attributes["devices"] == account.attributes["devices"]


def test_a_typing_error_is_in_the_name_and_the_phone_is_the_same(make: Maker) -> None:
    person, _, duplicate = make(Kind.TYPING_ERROR)
    (clerk,) = duplicate.profiles
    names = [clerk.attributes[name] == person.facts[name] for name in ("first_name", "last_name")]

    assert sorted(names) == [False, True]
    assert clerk.attributes["phone"] == person.phone


def test_an_email_in_other_case_is_the_same_address(make: Maker) -> None:
    person, _, duplicate = make(Kind.EMAIL_CASE)
    (web_shop,) = duplicate.profiles

    assert web_shop.identified
    assert web_shop.attributes["email"] != person.email
    assert web_shop.attributes["email"].casefold() == person.email


def test_an_agent_writes_the_same_number_in_another_form(make: Maker) -> None:
    person, _, duplicate = make(Kind.PHONE_ORDER)
    (caller,) = duplicate.profiles

    assert caller.attributes["phone"] != person.phone
    assert caller.attributes["phone"].replace(" ", "").replace("-", "") == person.phone


def test_a_pair_listed_twice_is_merged_once(make: Maker) -> None:
    _, _, duplicate = make(Kind.LISTED_TWICE)

    assert [pair.expected for pair in duplicate.pairs] == ["merged", "already_merged"]
    assert duplicate.pairs[0].update == duplicate.pairs[1].update


def test_a_shared_inbox_has_two_guests_and_no_rule_chooses_one(make: Maker) -> None:
    person, _, duplicate = make(Kind.SHARED_INBOX)
    addresses = [guest.attributes["email"] for guest in duplicate.profiles]

    assert addresses == [person.email, person.email]
    assert [pair.expected for pair in duplicate.pairs] == ["orphan_ambiguous"]


def test_a_profile_in_a_control_group_is_protected(make: Maker) -> None:
    _, _, duplicate = make(Kind.CONTROL_GROUP)

    assert duplicate.profiles[0].attributes["control_group"] is True
    assert [pair.expected for pair in duplicate.pairs] == ["protected"]
