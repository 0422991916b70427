"""The generated world: equal for equal seeds, with every kind of duplicate and plausible people."""

from collections import Counter
from datetime import UTC, datetime

import phonenumbers
import pytest

from demo.duplicates import Kind
from demo.history import as_text
from demo.world import BATCH_SIZE, World, make_batches, make_world

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(now=NOW)


def test_the_same_seed_creates_the_same_world(world: World) -> None:
    assert world == make_world(now=NOW)


def test_another_seed_creates_another_world(world: World) -> None:
    assert world != make_world(now=NOW, seed=1)


def test_there_are_at_least_two_thousand_profiles(world: World) -> None:
    assert len(world.profiles) >= 2_000


def test_every_kind_of_duplicate_occurs(world: World) -> None:
    assert {pair.kind for pair in world.pairs} == set(Kind)


def test_every_profile_has_its_own_identifier(world: World) -> None:
    identifiers = Counter(str(profile.identifier) for profile in world.profiles)

    assert set(identifiers.values()) == {1}


def test_emails_are_plausible_and_on_domains_kept_for_examples(world: World) -> None:
    addresses = [profile.attributes["email"] for profile in world.profiles if "email" in profile.attributes]

    assert all(address.isascii() and address.count("@") == 1 for address in addresses)
    assert all(address.lower().endswith((".com", ".org")) for address in addresses)
    assert all("example." in address.lower().partition("@")[2] for address in addresses)


def test_phones_are_valid_e164_or_the_notation_of_an_agent(world: World) -> None:
    numbers = [profile.attributes["phone"] for profile in world.profiles if "phone" in profile.attributes]

    assert all(phonenumbers.is_valid_number(phonenumbers.parse(number)) for number in numbers)


def test_people_do_not_share_an_address_or_a_number_unless_they_are_duplicates(world: World) -> None:
    for name in ("email", "phone"):
        values = [account.attributes[name] for account in world.accounts if name in account.attributes]

        assert len(values) == len(set(values))


def test_histories_are_in_the_last_eighty_days_and_end_before_now(world: World) -> None:
    times = [each["time"] for profile in world.profiles for each in (*profile.events, *profile.purchases)]
    times += [session["ended_at"] for profile in world.profiles for session in profile.sessions]

    assert min(times) > "2026-08-12"
    assert max(times) < as_text(NOW)


def test_accounts_lack_some_attributes_so_that_merges_have_blanks_to_fill(world: World) -> None:
    known = Counter(name for account in world.accounts for name in account.attributes)

    for name in ("email", "phone", "dob", "gender", "home_city", "country", "language", "time_zone"):
        assert 0 < known[name] < len(world.accounts)


def test_every_history_occurs_on_accounts_and_on_duplicates(world: World) -> None:
    for profiles in (world.accounts, world.duplicates):
        for name in ("events", "purchases", "sessions", "engagements"):
            assert any(getattr(profile, name) for profile in profiles)


def test_batches_contain_all_pairs_with_at_most_fifty_each(world: World) -> None:
    batches = list(make_batches(world.families))

    assert max(map(len, batches)) <= BATCH_SIZE
    assert tuple(pair for batch in batches for pair in batch) == world.pairs


def test_a_family_is_never_split_between_batches() -> None:
    families = make_world(now=NOW, people=100).families
    batches = list(make_batches(families, size=3))

    for family in families:
        homes = [batch for batch in batches if any(pair in batch for pair in family)]
        assert len(homes) == 1
        assert all(pair in homes[0] for pair in family)


def test_no_world_without_people_has_batches() -> None:
    assert list(make_batches(make_world(now=NOW, people=0).families)) == []
