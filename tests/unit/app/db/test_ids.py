"""Ids of rows sort by PostgreSQL's time, and the ids of one process ascend."""

from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID

from hypothesis import given
from hypothesis import strategies as st

from app.db.ids import RANDOM_BITS, RANDOM_MASK, IdMaker, earliest_id_at

MOMENTS = st.datetimes(datetime(1970, 1, 2), datetime(9999, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  hypothesis adds it


@given(MOMENTS, MOMENTS)
def test_earlier_moments_have_smaller_ids(one: datetime, other: datetime) -> None:
    assert (one <= other) is (earliest_id_at(one) <= earliest_id_at(other)) or abs(one - other) < timedelta(
        milliseconds=1
    )


@given(MOMENTS)
def test_an_id_is_between_the_milliseconds_around_it(moment: datetime) -> None:
    made = IdMaker(moment.timestamp)()

    assert earliest_id_at(moment) <= made < earliest_id_at(moment + timedelta(milliseconds=2))
    assert (made.version, made.variant) == (7, RFC_4122)


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=50))
def test_ids_ascend_whatever_the_clock_does(times: list[float]) -> None:
    clock = iter(times)
    make = IdMaker(lambda: next(clock))
    made = [make() for _ in times]

    assert made == sorted(set(made))


def test_ids_of_one_millisecond_ascend() -> None:
    make = IdMaker(lambda: 1.0)
    made = [make() for _ in range(10_000)]

    assert made == sorted(set(made))


@given(st.lists(st.tuples(st.floats(0, 1e9), st.integers(0, 60)), min_size=1, max_size=20))
def test_ids_made_at_once_ascend_like_those_made_one_by_one(rounds: list[tuple[float, int]]) -> None:
    clock = iter([moment for moment, _ in rounds for _ in range(2)])
    make = IdMaker(lambda: next(clock))
    made = [each for _, count in rounds for each in (*make.texts(count), str(make()))]

    assert made == sorted(set(made))
    assert all((UUID(each).version, UUID(each).variant, str(UUID(each))) == (7, RFC_4122, each) for each in made)


def test_ids_made_at_once_are_as_random_as_others() -> None:
    make = IdMaker(lambda: 1.0)
    random = [UUID(each).int & RANDOM_MASK for each in make.texts(2_000)]

    # Every random bit is set in some of them, and in far from all.
    counts = [sum(each >> bit & 1 for each in random) for bit in range(RANDOM_BITS)]
    assert all(700 < count < 1_300 for count in counts)
