"""Resolution on a real PostgreSQL: every kind of identifier, redirects, and addresses with many profiles."""

from datetime import timedelta
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from app.db.transaction import Transaction
from app.merging.prioritization import Ambiguous, NoCandidate, Resolved
from app.merging.profile import Profile
from app.profiles.resolution import MergedAway, Resolution, resolve_identifiers
from schemas.identifiers import Email, ExternalId, Identifier, Phone, UserAlias
from schemas.priorities import Priority
from tests.support.factories import LONG_AGO, Factory
from tests.support.postgres import make_database_url

database_url = make_database_url(scope="module")

IDENTIFIED, UNIDENTIFIED = Priority.IDENTIFIED, Priority.UNIDENTIFIED
NEWEST, OLDEST = Priority.MOST_RECENTLY_UPDATED, Priority.LEAST_RECENTLY_UPDATED


def resolved(factory: Factory, *identifiers: Identifier) -> list[Resolution]:
    """Resolve *identifiers* in the factory's workspace."""
    return resolve_identifiers(Transaction(factory.connection, factory.workspace_id), identifiers=identifiers)


def redirect(factory: Factory, orphan: Profile, survivor: Profile, *, now: Profile | None = None) -> MergedAway:
    """Write that *orphan*, which has no row, was merged into *survivor*, and that *now* has its history."""
    factory.rows(
        "INSERT INTO redirect (workspace_id, orphan_id, survivor_id, braze_id, external_id, job_id, merged_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, now()) RETURNING 1",
        *(orphan.id, survivor.id, orphan.braze_id, orphan.external_id, uuid7()),
    )
    live = now or survivor
    factory.rows(
        "INSERT INTO origin (workspace_id, origin_id, profile_id) VALUES (%s, %s, %s) RETURNING 1", orphan.id, live.id
    )
    return MergedAway(
        orphan_id=orphan.id, braze_id=orphan.braze_id, external_id=orphan.external_id, survivor_id=live.id
    )


def retired(factory: Factory, external_id: str) -> Profile:
    """Return a deleted profile with *external_id*."""
    profile = factory.profile(external_id)
    factory.rows("DELETE FROM profile WHERE workspace_id = %s AND id = %s RETURNING 1", profile.id)
    return profile


def test_every_kind_of_identifier_finds_its_profile(factory: Factory) -> None:
    ann = factory.profile("ann", user_aliases={"mail": "a"}, email="Ann@x.org", phone="+1 (415) 555-0123")
    factory.profile("bea", user_aliases={"mail": "b"}, email="bea@x.org", phone="+14155550124")

    found = resolved(
        factory,
        ExternalId("ann"),
        UserAlias(label="mail", name="a"),
        Email("ann@x.org", (IDENTIFIED,)),
        Phone("+14155550123", (NEWEST,)),
    )

    assert found == [Resolved(ann.id)] * 4


def test_unknown_identifiers_find_no_profile(factory: Factory) -> None:
    factory.profile("ann", user_aliases={"mail": "a"}, email="ann@x.org", phone="+14155550123")

    found = resolved(
        factory, ExternalId("bea"), UserAlias("mail", "b"), Email("b@x.org", (NEWEST,)), Phone("0123", (NEWEST,))
    )

    assert found == [NoCandidate()] * 4


def test_no_identifiers_return_no_resolutions(factory: Factory) -> None:
    assert resolved(factory) == []


@pytest.mark.parametrize(
    "identifier",
    [
        ExternalId("Ann"),
        ExternalId("ann "),
        ExternalId(""),
        UserAlias("Mail", "a"),
        UserAlias("mail", "A"),
        UserAlias("mail", "a "),
        UserAlias("a", "mail"),
        ExternalId("a"),
        UserAlias("mail", "ann"),
    ],
)
def test_external_ids_and_aliases_are_compared_exactly(factory: Factory, identifier: Identifier) -> None:
    factory.profile("ann", user_aliases={"mail": "a"})

    assert resolved(factory, identifier) == [NoCandidate()]


@pytest.mark.parametrize("address", ["ANN.ELSE@X.ORG", " ann.else@x.org\n", "Ann.Else@x.org"])
def test_emails_are_compared_trimmed_and_case_folded(factory: Factory, address: str) -> None:
    ann = factory.profile(email="  Ann.Else@X.org ")

    assert resolved(factory, Email(address, (NEWEST,))) == [Resolved(ann.id)]


@pytest.mark.parametrize(
    ("stored", "named", "same"),
    [
        ("+1 (415) 555-0123", "+1-415-555-0123", True),
        ("+1 415 555 0123 ext. 1", "+14155550123", False),
        ("+1 415 555 0123 ext. 1", "+1 415 555 0123 ext. 1", False),
        (" 0123 ", "0123", False),
        ("4155550123", "+14155550123", False),
        ("0123", "0124", False),
        ("0123", "0123", False),
        ("+15551234", "+15551234", False),
    ],
)
def test_phones_are_compared_only_in_e164_form(
    factory: Factory,
    stored: str,
    named: str,
    same: bool,
) -> None:
    ann = factory.profile(phone=stored)

    assert resolved(factory, Phone(named, (NEWEST,))) == [Resolved(ann.id) if same else NoCandidate()]


def test_resolutions_have_the_order_of_the_identifiers(factory: Factory) -> None:
    profiles = [factory.profile(f"p{number}", email=f"p{number}@x.org") for number in range(50)]
    identifiers = [(ExternalId(f"p{number}"), Email(f"P{number}@x.org", (OLDEST,))) for number in range(50)]

    found = resolved(factory, *(identifier for pair in identifiers for identifier in pair), ExternalId("p7"))

    assert found == [Resolved(profile.id) for profile in profiles for _ in range(2)] + [Resolved(profiles[7].id)]


def test_no_profile_of_another_workspace_is_found(factory: Factory) -> None:
    everything: dict[str, Any] = {"user_aliases": {"mail": "a"}, "email": "ann@x.org", "phone": "+14155550123"}
    elsewhere = Factory(factory.connection)
    redirect(elsewhere, retired(elsewhere, "gone"), elsewhere.profile("ann", **everything))

    found = resolved(
        factory,
        ExternalId("ann"),
        ExternalId("gone"),
        UserAlias("mail", "a"),
        Email("ann@x.org", (NEWEST,)),
        Phone("+14155550123", (OLDEST,)),
    )

    assert found == [NoCandidate()] * 5


def test_a_merged_away_external_id_resolves_to_the_owner_of_its_history(factory: Factory) -> None:
    a, b, c = retired(factory, "a"), retired(factory, "b"), factory.profile("c")
    from_a, from_b = redirect(factory, a, b, now=c), redirect(factory, b, c)

    assert resolved(factory, ExternalId("a"), ExternalId("b")) == [from_a, from_b]


def test_a_new_profile_takes_precedence_over_a_redirect_of_its_external_id(factory: Factory) -> None:
    redirect(factory, retired(factory, "ann"), factory.profile("bea"))
    fresh = factory.profile("ann")

    assert resolved(factory, ExternalId("ann")) == [Resolved(fresh.id)]


def shared_by_many(factory: Factory, count: int) -> list[Profile]:
    """Return *count* profiles with the same email and phone, from old to new. Every third one is identified."""
    return [
        factory.profile(
            None if number % 3 else f"many-{number}",
            email="Many@x.org",
            phone="+14155550123",
            updated_at=LONG_AGO + timedelta(minutes=number),
        )
        for number in range(count)
    ]


@pytest.mark.parametrize(
    ("steps", "place"),
    [
        ((NEWEST,), 119),
        ((OLDEST,), 0),
        ((IDENTIFIED, NEWEST), 117),
        ((UNIDENTIFIED, NEWEST), 119),
        ((IDENTIFIED, OLDEST), 0),
        ((UNIDENTIFIED, OLDEST), 1),
        ((NEWEST, UNIDENTIFIED), 119),
        ((OLDEST, IDENTIFIED), 0),
    ],
)
def test_the_prioritization_selects_one_of_many_profiles_with_an_address(
    factory: Factory, steps: tuple[Priority, ...], place: int
) -> None:
    many = shared_by_many(factory, 120)

    found = resolved(factory, Email("many@x.org", steps), Phone("+1 415 555 0123", steps))

    assert found == [Resolved(many[place].id)] * 2


def test_many_profiles_with_an_address_are_ambiguous_without_a_recency(factory: Factory) -> None:
    shared_by_many(factory, 10)

    found = resolved(factory, *(Email("many@x.org", steps) for steps in ((IDENTIFIED,), (UNIDENTIFIED,), ())))

    assert found == [Ambiguous()] * 3


def test_a_prioritization_that_filters_out_all_profiles_finds_none(factory: Factory) -> None:
    shared_by_many(factory, 3)

    found = resolved(factory, Email("many@x.org", (NEWEST, IDENTIFIED)), Email("many@x.org", (OLDEST, UNIDENTIFIED)))

    assert found == [NoCandidate(filtered_out=True)] * 2


@pytest.mark.parametrize("identified", [True, False])
def test_profiles_updated_at_the_same_time_tie(factory: Factory, identified: bool) -> None:
    for number in range(5):
        factory.profile(f"tie-{number}" if identified else None, email="tie@x.org", updated_at=LONG_AGO)
    factory.profile(email="tie@x.org", updated_at=LONG_AGO - timedelta(seconds=1))

    assert resolved(factory, Email("tie@x.org", (NEWEST,))) == [Ambiguous()]
