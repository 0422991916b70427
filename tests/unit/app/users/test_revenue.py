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
    price=Decimal(1),
    quantity=1,
    time=datetime(2026, 5, 1, tzinfo=UTC),
    app_id=None,
    properties=None,
)


@pytest.mark.parametrize(
    ("price", "quantity", "rate", "cents"),
    [
        ("1", 1, "1.08", 108),
        ("-1", 1, "1.08", -108),
        ("9.99", 1, "1.08", 1079),
        ("0.01", 1, "1.5", 2),
        ("-0.01", 1, "1.5", -2),
        ("0.01", 1, "0.4", 0),
        ("0.004", 1, "1", 0),
        ("0.005", 1, "1", 1),
        ("-0.005", 1, "1", -1),
        ("0.004", 100, "1", 40),
        ("-0.004", 100, "1", -40),
        ("1.239", 100, "1", 12_390),
        ("0.333", 3, "1", 100),
        ("9.99", 2, "1.275", 2_547),
        ("-9.99", 2, "1.275", -2_547),
        # Rounding to cents before the conversion would result in 0.
        ("0.004", 1, "3.26", 1),
        # Rounding after each step would result in 1.
        ("0.0045", 1, "1.1", 0),
        # Just below half a cent, by more digits than the usual decimal context keeps.
        ("0.0049999999999999999", 1, "1.00000000000000000000000001", 0),
        ("1000000000", 100, "0.00000001", 100_000),
    ],
)
def test_revenue_is_price_times_quantity_times_rate_rounded_once_with_half_a_cent_away_from_zero(
    price: str, quantity: int, rate: str, cents: int
) -> None:
    converted = convert_price(replace(PURCHASE, price=Decimal(price), quantity=quantity), {"EUR": Decimal(rate)})

    assert (converted.revenue_cents, converted.currency) == (cents, "EUR")


def test_a_currency_without_a_rate_counts_as_it_was_sent() -> None:
    assert convert_price(PURCHASE, {"GBP": Decimal("1.27")}) == PURCHASE


def test_an_amount_beyond_any_revenue_is_refused() -> None:
    with pytest.raises(EntryRefused, match="would have left the range"):
        convert_price(replace(PURCHASE, quantity=100), {"EUR": Decimal(10**12)})


@given(st.integers(-MAX_REVENUE_CENTS, MAX_REVENUE_CENTS), st.integers(-(10**11), 10**11), st.integers(1, 100))
def test_revenue_stays_in_its_range(cents: int, price: int, quantity: int) -> None:
    after = cents + price * quantity
    try:
        check_revenue(cents, replace(PURCHASE, price=Decimal(price) / 100, quantity=quantity))
    except EntryRefused:
        assert abs(after) > MAX_REVENUE_CENTS
    else:
        assert abs(after) <= MAX_REVENUE_CENTS


def test_revenue_that_merges_took_out_of_its_range_may_come_back() -> None:
    beyond = MAX_REVENUE_CENTS * 2

    check_revenue(beyond, replace(PURCHASE, price=Decimal("-0.01")))
    with pytest.raises(EntryRefused):
        check_revenue(beyond, PURCHASE)
