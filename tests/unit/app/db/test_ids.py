"""Ids of rows sort by PostgreSQL's time, and those of one process ascend."""

from datetime import UTC, datetime, timedelta
from uuid import RFC_4122

from hypothesis import given
from hypothesis import strategies as st

from app.db.ids import IdMaker, earliest_id_at

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
