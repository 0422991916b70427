"""Profiles of any role are locked in ascending order of their ids, and read after the lock."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from psycopg import errors as postgres

from app.db.connections import Pool
from app.db.transaction import Transaction, open_transaction, run_in_transaction
from app.merging.profile import Profile
from app.profiles.locking import lock_profiles
from tests.support.factories import Factory
from tests.support.postgres import make_database_url
from tests.support.waiting import wait_until

database_url = make_database_url(scope="module")

ROW_IS_FREE = "SELECT 1 FROM profile WHERE workspace_id = %s AND id = %s FOR UPDATE NOWAIT"


@pytest.fixture
def background() -> Iterator[ThreadPoolExecutor]:
    """An executor with one thread."""
    with ThreadPoolExecutor(1) as executor:
        yield executor


@contextmanager
def locking(pool: Pool, factory: Factory, *ids: int) -> Iterator[tuple[Transaction, dict[int, Profile]]]:
    """Lock profiles on another connection until the end of the block."""
    with open_transaction(pool, factory.workspace_id) as tx:
        yield tx, lock_profiles(tx, ids=ids)


def lock_briefly(pool: Pool, factory: Factory, *ids: int) -> dict[int, Profile]:
    """Lock profiles, release them, and return them."""
    with locking(pool, factory, *ids) as (_, found):
        return found


def is_free(factory: Factory, profile: Profile) -> bool:
    """Return whether no transaction locks *profile*."""
    try:
        return bool(factory.rows(ROW_IS_FREE, profile.id))
    except postgres.LockNotAvailable:
        return False


def until_waiting(factory: Factory, future: "Future[dict[int, Profile]]") -> None:
    """Wait until another connection waits for a lock, and assert that *future* is still running."""
    query = """
        SELECT 1 FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock' AND %s > 0
    """
    wait_until(lambda: future.done() or factory.rows(query), what="a connection to wait for a lock")
    assert not future.done()


def test_locking_returns_the_profiles(pool: Pool, factory: Factory) -> None:
    one, two = factory.profile("one", user_aliases={"mail": "one"}), factory.profile("two")

    with locking(pool, factory, two.id, one.id) as (_, found):
        assert found == {one.id: one, two.id: two}
        assert not is_free(factory, one)
        assert not is_free(factory, two)

    assert is_free(factory, one)


def test_locking_without_ids_locks_no_profile(pool: Pool, factory: Factory) -> None:
    assert lock_briefly(pool, factory) == {}


def test_a_profile_of_another_workspace_is_not_locked(pool: Pool, factory: Factory) -> None:
    elsewhere = Factory(factory.connection)
    stranger = elsewhere.profile("stranger")

    with locking(pool, factory, stranger.id) as (_, found):
        assert found == {}
        assert is_free(elsewhere, stranger)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_locks_are_taken_in_ascending_order_of_ids(
    pool: Pool, factory: Factory, background: ThreadPoolExecutor, order: tuple[int, ...]
) -> None:
    profiles = [factory.profile() for _ in range(3)]
    low, middle, high = profiles

    with locking(pool, factory, middle.id):
        waiting = background.submit(lock_briefly, pool, factory, *(profiles[place].id for place in order))
        until_waiting(factory, waiting)

        assert not is_free(factory, low)
        assert is_free(factory, high)

    assert waiting.result(20).keys() == {profile.id for profile in profiles}


def test_locks_are_taken_in_order_even_if_the_rows_are_stored_in_reverse(
    pool: Pool, factory: Factory, background: ThreadPoolExecutor
) -> None:
    low, high = factory.profile(), factory.profile()
    # An update moves the row to the end of the table, so a scan reads the higher id first.
    factory.rows("UPDATE profile SET home_city = 'Ulm' WHERE workspace_id = %s AND id = %s RETURNING 1", low.id)

    with locking(pool, factory, low.id):
        waiting = background.submit(lock_briefly, pool, factory, high.id, low.id)
        until_waiting(factory, waiting)

        assert is_free(factory, high)

    waiting.result(20)


def test_a_profile_that_was_deleted_during_the_wait_is_missing(
    pool: Pool, factory: Factory, background: ThreadPoolExecutor
) -> None:
    gone, left = factory.profile(), factory.profile()

    with locking(pool, factory, gone.id) as (holder, _):
        waiting = background.submit(lock_briefly, pool, factory, gone.id, left.id)
        until_waiting(factory, waiting)
        holder.connection.execute("DELETE FROM profile WHERE id = %s", [gone.id])

    assert waiting.result(20) == {left.id: left}


def test_changes_during_the_wait_are_read_also_of_aliases(
    pool: Pool, factory: Factory, background: ThreadPoolExecutor
) -> None:
    profile = factory.profile("ann", user_aliases={"old": "ann"})

    with locking(pool, factory, profile.id) as (holder, _):
        waiting = background.submit(lock_briefly, pool, factory, profile.id)
        until_waiting(factory, waiting)
        holder.connection.execute("UPDATE profile SET first_name = 'Ann' WHERE id = %s", [profile.id])
        holder.connection.execute("UPDATE user_alias SET label = 'new' WHERE profile_id = %s", [profile.id])

    found = waiting.result(20)[profile.id]
    assert (found.first_name, found.user_aliases) == ("Ann", {"new": "ann"})


def test_a_wait_for_a_lock_ends_with_its_timeout(pool: Pool, factory: Factory) -> None:
    profile = factory.profile()

    def lock_impatiently(tx: Transaction) -> None:
        tx.execute("SET LOCAL lock_timeout = '20ms'")
        lock_profiles(tx, ids=[profile.id])

    with locking(pool, factory, profile.id), pytest.raises(postgres.LockNotAvailable):
        run_in_transaction(pool, factory.workspace_id, lock_impatiently)
