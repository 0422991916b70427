"""Stored keys are recomputed after a change of the rules of comparison, while older processes run."""

import psycopg
import pytest

from app.audit.log import Actor
from app.db.connections import Pool
from app.db.transaction import Transaction
from app.merging.profile import EmailAddress, PhoneNumber, Profile
from app.profiles import recomputation
from app.users.delete import delete_profiles
from schemas.deletion import load_deletion
from tests.support.factories import Factory
from tests.support.postgres import make_database_url
from tests.support.waiting import wait_until

database_url = make_database_url(scope="module")


@pytest.fixture
def migrated(factory: Factory) -> Factory:
    """A factory whose workspace existed before the rules of comparison changed."""
    factory.rows("INSERT INTO key_recomputation (workspace_id) VALUES (%s) RETURNING 1")
    return factory


def with_email(factory: Factory, address: str, former_key: str) -> Profile:
    return factory.profile(email=EmailAddress(address=address, key=former_key))


def with_phone(factory: Factory, number: str, former_e164: str | None) -> Profile:
    return factory.profile(phone=PhoneNumber(number=number, e164=former_e164))


def recompute(factory: Factory, *, limit: int = 100) -> int:
    """Run batches until one reads no profile. Return the number of profiles that were read."""
    read = 0
    while count := recompute_once(factory, limit=limit):
        read += count
    return read


def recompute_once(factory: Factory, *, limit: int) -> int:
    with factory.connection.transaction():
        return recomputation.recompute_batch(Transaction(factory.connection, factory.workspace_id), limit=limit)


def keys(factory: Factory) -> dict[str, str | None]:
    rows = factory.rows(
        "SELECT coalesce(email, phone) AS sent, email_key, phone_e164 FROM profile WHERE workspace_id = %s"
    )
    return {row["sent"]: row["email_key"] or row["phone_e164"] for row in rows}


def groups(factory: Factory) -> tuple[list[set[str]], list[set[str]]]:
    tx = Transaction(factory.connection, factory.workspace_id)
    separated = recomputation.separated_groups(tx, examples=9)
    joined = recomputation.joined_groups(tx, examples=9)
    assert (separated.count, joined.count) == (len(separated.examples), len(joined.examples))
    return list(map(set, separated.examples)), list(map(set, joined.examples))


def is_recomputed(factory: Factory) -> bool:
    return recomputation.is_recomputed(Transaction(factory.connection, factory.workspace_id))


def test_stored_keys_follow_the_current_rules_afterwards(migrated: Factory) -> None:
    sharp = with_email(migrated, "weiß@example.com", "weiss@example.com")
    double = with_email(migrated, "Weiss@example.com", "weiss@example.com")
    composed = with_email(migrated, "jos\u00e9@example.com", "jos\u00e9@example.com")
    decomposed = with_email(migrated, "jose\u0301@example.com", "jose\u0301@example.com")
    first = with_phone(migrated, "+1 650 253 0000 ext. 1", "+16502530000")
    second = with_phone(migrated, "+1 650 253 0000", "+16502530000")
    with_email(migrated, "same@example.com", "same@example.com")

    recompute(migrated)

    assert keys(migrated) == {
        "weiß@example.com": "weiß@example.com",
        "Weiss@example.com": "weiss@example.com",
        "jos\u00e9@example.com": "jos\u00e9@example.com",
        "jose\u0301@example.com": "jos\u00e9@example.com",
        "+1 650 253 0000 ext. 1": None,
        "+1 650 253 0000": "+16502530000",
        "same@example.com": "same@example.com",
    }
    assert is_recomputed(migrated)
    separated, joined = groups(migrated)
    assert sorted(separated, key=min) == sorted(
        [{sharp.braze_id, double.braze_id}, {first.braze_id, second.braze_id}], key=min
    )
    assert joined == [{composed.braze_id, decomposed.braze_id}]


def test_a_recomputation_does_not_update_the_profile(migrated: Factory) -> None:
    profile = with_email(migrated, "weiß@example.com", "weiss@example.com")

    recompute(migrated)

    assert [row["updated_at"] for row in migrated.rows("SELECT updated_at FROM profile WHERE workspace_id = %s")] == [
        profile.updated_at
    ]


def test_it_continues_where_it_was_interrupted(migrated: Factory) -> None:
    for number in range(5):
        with_email(migrated, f"weiß{number}@example.com", f"weiss{number}@example.com")
    first = recompute_once(migrated, limit=3)

    rest = recompute(migrated, limit=3)

    # The rest of the first pass, the step to the last pass, and the last pass.
    assert (first, rest) == (3, 2 + 1 + 5)
    assert is_recomputed(migrated)


@pytest.mark.parametrize("name", ["mergelane-web", "mergelane-worker", "mergelane-web/1"])
def test_the_last_pass_waits_for_older_processes(migrated: Factory, database_url: str, name: str) -> None:
    with psycopg.connect(database_url, application_name=name):
        recompute(migrated)
        with_email(migrated, "weiß@example.com", "weiss@example.com")
        assert recompute(migrated) == 1
        migrated.rows("UPDATE profile SET email_key = 'weiss@example.com' WHERE workspace_id = %s RETURNING 1")
        assert recompute(migrated) == 0
        assert not is_recomputed(migrated)

    # PostgreSQL lists a session for a moment after its connection was closed.
    wait_until(lambda: recompute(migrated) or is_recomputed(migrated), what="the session to end")
    assert is_recomputed(migrated)
    assert keys(migrated) == {"weiß@example.com": "weiß@example.com"}


def test_the_last_pass_starts_again_when_an_older_process_appears(migrated: Factory, database_url: str) -> None:
    with_email(migrated, "a@example.com", "a@example.com")
    with_email(migrated, "b@example.com", "b@example.com")
    for _ in range(4):
        # Two batches and the step to the last pass, and one batch of it.
        recompute_once(migrated, limit=1)

    with psycopg.connect(database_url, application_name="mergelane-worker"):
        migrated.rows("UPDATE profile SET email_key = 'old' WHERE workspace_id = %s RETURNING 1")
        recompute_once(migrated, limit=1)
    wait_until(lambda: recompute(migrated) or is_recomputed(migrated), what="the session to end")

    assert keys(migrated) == {"a@example.com": "a@example.com", "b@example.com": "b@example.com"}


def test_a_new_workspace_has_nothing_to_recompute(factory: Factory) -> None:
    with_email(factory, "weiß@example.com", "weiss@example.com")

    assert recompute(factory) == 0
    assert is_recomputed(factory)


def test_a_deletion_erases_the_former_keys(migrated: Factory, pool: Pool) -> None:
    profile = with_email(migrated, "weiß@example.com", "weiss@example.com")
    recompute(migrated)

    request = load_deletion({"braze_ids": [profile.braze_id]})
    actor = Actor(api_key_id=None, request_id=None, path="/users/delete")
    delete_profiles(pool, workspace_id=migrated.workspace_id, request=request, asker=actor)

    assert migrated.rows("SELECT * FROM key_change WHERE workspace_id = %s") == []
