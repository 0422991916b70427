"""Purchases through the web application: quantities, refunds, currencies, and sums that cannot overflow."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from app.db.connections import Connection, Pool
from app.users.revenue import MAX_REVENUE_CENTS, TOO_MUCH
from tests.support.flask_caller import Caller
from tests.support.pairs import ago
from tests.support.profiles import Json, merge, the_profile, track

ME = {"external_id": "me"}


def bought(price: float, *, currency: str = "USD", quantity: int = 1, days: int = 1, **more: Any) -> Json:
    """Return a purchase *days* ago."""
    time = ago(days=days)
    return {**ME, "product_id": "hat", "currency": currency, "price": price, "quantity": quantity, "time": time, **more}


def spent(caller: Caller, days: int = 30) -> tuple[int, float]:
    """Return the number of purchases in the last *days*, and the money spent."""
    body = caller.get(f"/profiles/{the_profile(caller)['braze_id']}/activity", purchases="", days=days).json
    return body["count"], body["money_spent"]


def test_a_quantity_counts_as_this_number_of_purchases_at_the_price(
    caller: Caller, counted: Callable[[], dict[str, int]]
) -> None:
    track(caller, purchases=[bought(19.99, quantity=100)])
    user = the_profile(caller)

    assert (user["total_revenue"], user["purchase_count"], user["purchases"][0]["count"]) == (1999.0, 100, 100)
    assert counted()["purchase"] == 100
    assert spent(caller) == (100, 1999.0)


def test_a_refund_counts_as_one_more_purchase(caller: Caller) -> None:
    track(caller, purchases=[bought(40), bought(-40)])
    user = the_profile(caller)

    assert (user["total_revenue"], user["purchase_count"]) == (0.0, 2)
    assert spent(caller) == (2, 0.0)


def test_cents_are_summed_exactly(caller: Caller) -> None:
    for _ in range(4):
        track(caller, purchases=[bought(0.1)] * 75)

    assert the_profile(caller)["total_revenue"] == 30.0


def test_currencies_are_summed_without_conversion_by_default(caller: Caller) -> None:
    track(caller, purchases=[bought(10, currency="eur"), bought(10, currency="USD")])

    assert the_profile(caller)["total_revenue"] == 20.0
    assert spent(caller) == (2, 20.0)


def test_currencies_with_a_configured_rate_are_converted(
    configured_caller: Callable[..., Caller], connection: Connection
) -> None:
    caller = configured_caller(currency_rates=(("EUR", Decimal("1.08")), ("GBP", Decimal("1.275"))))
    track(caller, purchases=[bought(10, currency="eur"), bought(-9.99, currency="GBP", quantity=2), bought(5)])
    rows = connection.execute("SELECT currency, price_cents FROM purchase ORDER BY currency").fetchall()

    assert [tuple(row.values()) for row in rows] == [("EUR", 1080), ("GBP", -1273), ("GBP", -1274), ("USD", 500)]
    assert the_profile(caller)["total_revenue"] == (1080 - 2547 + 500) / 100
    assert spent(caller) == (4, (1080 - 2547 + 500) / 100)


@pytest.fixture
def rich(caller: Caller, connection: Connection) -> Caller:
    """A caller whose profile `me` has a dollar less than the maximum revenue."""
    track(caller, attributes=[ME])
    connection.execute("UPDATE profile SET revenue_cents = %s", [MAX_REVENUE_CENTS - 100])
    return caller


def test_revenue_beyond_its_range_is_refused_object_by_object(
    rich: Caller, counted: Callable[[], dict[str, int]]
) -> None:
    answer = track(rich, purchases=[bought(0.5), bought(1), bought(0.5, product_id="scarf")])
    user = the_profile(rich)

    assert answer == {
        "message": "success",
        "purchases_processed": 2,
        "errors": [{"type": TOO_MUCH, "input_array": "purchases", "index": 1}],
    }
    assert round(user["total_revenue"] * 100) == MAX_REVENUE_CENTS
    assert [(each["name"], each["count"]) for each in user["purchases"]] == [("hat", 1), ("scarf", 1)]
    assert counted()["purchase"] == 2


def test_a_request_with_only_refused_purchases_changes_nothing(
    rich: Caller, counted: Callable[[], dict[str, int]]
) -> None:
    before = the_profile(rich)
    response = rich.post("/users/track", {"purchases": [bought(2)]})

    assert response.status_code == 400
    assert response.json["message"].startswith("Valid data must be provided in the")
    assert response.json["errors"] == [{"type": TOO_MUCH, "input_array": "purchases", "index": 0}]
    assert the_profile(rich) == before
    assert counted()["purchase"] == 0


def test_an_amount_beyond_any_revenue_creates_no_profile(
    configured_caller: Callable[..., Caller], counted: Callable[[], dict[str, int]]
) -> None:
    caller = configured_caller(currency_rates=(("EUR", Decimal(10**12)),))
    response = caller.post("/users/track", {"purchases": [bought(1_000_000, currency="EUR")]})

    assert response.status_code == 400
    assert set(counted().values()) == {0}


def test_the_money_of_a_span_may_exceed_the_maximum_revenue(caller: Caller, connection: Connection) -> None:
    track(caller, purchases=[bought(1_000_000)])
    connection.execute("UPDATE purchase SET price_cents = %s", [2**63 - 1])
    track(caller, purchases=[bought(1_000_000)])

    assert spent(caller) == (2, (2**63 - 1 + 10**8) / 100)


def test_profiles_with_maximum_revenue_can_be_merged_and_refunded(
    rich: Caller, pool: Pool, connection: Connection
) -> None:
    track(rich, attributes=[{"external_id": "other"}])
    connection.execute("UPDATE profile SET revenue_cents = %s", [MAX_REVENUE_CENTS])
    merge(rich, pool, orphan="other", survivor="me")
    answer = track(rich, purchases=[bought(-1), bought(2)])

    assert (answer["purchases_processed"], answer["errors"][0]["index"]) == (1, 1)
    assert the_profile(rich)["total_revenue"] == (MAX_REVENUE_CENTS * 2 - 100) / 100
