"""The earliest id of a moment: ids sort by time, so that no index on time is needed."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from app.ledger.pruning import earliest_id_at

MOMENTS = st.datetimes(datetime(1970, 1, 2), datetime(9999, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  hypothesis adds it


@given(MOMENTS, MOMENTS)
def test_earlier_moments_have_smaller_ids(one: datetime, other: datetime) -> None:
    assert (one <= other) is (earliest_id_at(one) <= earliest_id_at(other)) or abs(one - other) < timedelta(
        milliseconds=1
    )


def test_an_id_made_now_lies_between_the_moments_around_it() -> None:
    made = uuid7()
    now = datetime.now(UTC)

    assert earliest_id_at(now - timedelta(minutes=1)) < made < earliest_id_at(now + timedelta(minutes=1))
