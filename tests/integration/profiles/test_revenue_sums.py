"""Revenue is rounded once for each purchase; all sums agree, also after a merge and its undo."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from app.db.connections import Pool
from tests.support.filters import leaf
from tests.support.flask_caller import Caller
from tests.support.pairs import ago
from tests.support.profiles import Json, export, track
from tests.support.undos import merge_one, undo_one

RATES = (("CAD", Decimal("1.1")), ("BHD", Decimal("2.65")))
ME, OTHER = {"external_id": "me"}, {"external_id": "other"}


def bought(price: float, quantity: int, currency: str) -> Json:
    """Return a purchase of yesterday."""
    paid = {"currency": currency, "price": price, "quantity": quantity}
    return {**ME, "product_id": "hat", "time": ago(days=1), **paid}


def members(caller: Caller, cents: int, **days: int) -> list[str]:
    """Return the external_ids of the profiles that spent exactly *cents*, ever or within the last *days*."""
    filter_ = leaf("money_spent", "exactly", cents / 100, **days)
    body: Json = caller.post("/segments/query", {"filter": filter_, "limit": 100}).json
    return [profile["external_id"] for profile in body["profiles"]]


def revenue_of(caller: Caller, external_id: str) -> Json:
    """Return the cents of a profile by each place that sums them."""
    (user,) = export(caller, external_ids=[external_id])
    path = f"/profiles/{user['braze_id']}"
    return {
        "export": round(user["total_revenue"] * 100),
        "activity": round(caller.get(f"{path}/activity", purchases="", days=30).json["money_spent"] * 100),
        "history": sum(round(price * 100) for price in history_of(caller, path)),
    }


def history_of(caller: Caller, path: str) -> list[float]:
    """Return the prices of all purchases in the history of the profile at *path*."""
    page = caller.get(f"{path}/history", kind="purchase", limit=100).json
    items = page["history"]
    while page["next_cursor"] is not None:
        page = caller.get(f"{path}/history", kind="purchase", limit=100, cursor=page["next_cursor"]).json
        items += page["history"]
    return [item["price"] for item in items]


@pytest.mark.parametrize(
    ("purchases", "cents"),
    [
        ([(0.004, 100, "USD")], 40),
        ([(-0.004, 100, "USD")], -40),
        ([(1.239, 100, "KWD")], 12_390),
        ([(0.333, 3, "USD")], 100),
        ([(9.99, 3, "USD")], 2_997),
        ([(0.001, 7, "USD")], 1),
        ([(0.005, 1, "USD")], 1),
        ([(-0.005, 1, "USD")], -1),
        # Rounded before the conversion it would be nothing, rounded before and after it would be a cent.
        ([(0.004, 1, "BHD")], 1),
        ([(0.0045, 1, "CAD")], 0),
        ([(0.004, 100, "USD"), (0.004, 1, "USD"), (-0.004, 100, "USD"), (1.239, 100, "KWD")], 12_390),
    ],
)
def test_all_sums_are_the_rounded_revenue_of_each_purchase(
    configured_caller: Callable[..., Caller], pool: Pool, purchases: list[Any], cents: int
) -> None:
    caller = configured_caller(currency_rates=RATES)
    track(caller, attributes=[ME, OTHER], purchases=[bought(*each) for each in purchases])
    exact = {"export": cents, "activity": cents, "history": cents}
    assert revenue_of(caller, "me") == exact
    assert "me" in members(caller, cents)
    assert "me" in members(caller, cents, days=30)

    job_id = merge_one(caller, pool, ME, OTHER)
    assert revenue_of(caller, "other") == exact
    assert members(caller, cents) == members(caller, cents, days=30) == ["other"]

    undo_one(caller, pool, job_id)
    assert revenue_of(caller, "me") == exact
    assert revenue_of(caller, "other") == {"export": 0, "activity": 0, "history": 0}
    assert ("me" in members(caller, cents), "other" in members(caller, cents)) == (True, cents == 0)


def test_the_purchases_of_a_quantity_differ_by_a_cent_at_most(caller: Caller) -> None:
    track(caller, purchases=[bought(0.336, 3, "USD"), {**bought(-0.336, 3, "USD"), "product_id": "cap"}])
    (user,) = export(caller, external_ids=["me"])
    items = caller.get(f"/profiles/{user['braze_id']}/history", kind="purchase").json["history"]
    prices = {name: sorted(item["price"] for item in items if item["product_id"] == name) for name in ("hat", "cap")}

    assert prices == {"hat": [0.33, 0.34, 0.34], "cap": [-0.34, -0.34, -0.33]}
