from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.users.revenue import MAX_REVENUE_CENTS, EntryRefused, check_revenue, convert_price
from schemas.history import Purchase
from schemas.identifiers import ExternalId

PURCHASE = Purchase(
    target=ExternalId("e"),
    may_create=True,
    product_id="hat",
    currency="EUR",
    price_cents=100,
    quantity=1,
    time=datetime(2026, 5, 1, tzinfo=UTC),
    app_id=None,
    properties=None,
)


@pytest.mark.parametrize(
    ("cents", "rate", "counted"),
    [(100, "1.08", 108), (-100, "1.08", -108), (999, "1.08", 1079), (1, "1.5", 2), (-1, "1.5", -2), (1, "0.4", 0)],
)
def test_a_price_is_converted_in_whole_cents_and_half_a_cent_is_rounded_away_from_zero(
    cents: int, rate: str, counted: int
) -> None:
    purchase = replace(PURCHASE, price_cents=cents)

    assert convert_price(purchase, {"EUR": Decimal(rate)}).price_cents == counted
    assert convert_price(purchase, {"EUR": Decimal(rate)}).currency == "EUR"


def test_a_currency_without_a_rate_counts_as_it_was_sent() -> None:
    assert convert_price(PURCHASE, {"GBP": Decimal("1.27")}) == PURCHASE


def test_an_amount_beyond_any_revenue_is_refused() -> None:
    with pytest.raises(EntryRefused, match="would have left the range"):
        convert_price(replace(PURCHASE, quantity=100), {"EUR": Decimal(10**12)})


@given(st.integers(-MAX_REVENUE_CENTS, MAX_REVENUE_CENTS), st.integers(-(10**11), 10**11), st.integers(1, 100))
def test_revenue_stays_in_its_range(cents: int, price: int, quantity: int) -> None:
    after = cents + price * quantity
    try:
        check_revenue(cents, replace(PURCHASE, price_cents=price, quantity=quantity))
    except EntryRefused:
        assert abs(after) > MAX_REVENUE_CENTS
    else:
        assert abs(after) <= MAX_REVENUE_CENTS


def test_revenue_that_merges_took_out_of_its_range_may_come_back() -> None:
    beyond = MAX_REVENUE_CENTS * 2

    check_revenue(beyond, replace(PURCHASE, price_cents=-1))
    with pytest.raises(EntryRefused):
        check_revenue(beyond, PURCHASE)
