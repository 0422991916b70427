"""The money of purchases: converted into the currency that sums are kept in, and bounded. Pure."""

import dataclasses
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal

from schemas.history import Purchase

#: Cents that all purchases of a profile may come to, either way: whole numbers that every JSON reader keeps exact.
MAX_REVENUE_CENTS = 2**53 - 1
TOO_MUCH = (
    "The revenue of the profile's lifetime would have left the range of"
    f" {-MAX_REVENUE_CENTS / 100:,.2f} to {MAX_REVENUE_CENTS / 100:,.2f}."
)


class Refused(ValueError):
    """An entry that is sound but cannot take effect; the message says why, in a sentence."""


def converted(purchase: Purchase, rates: Mapping[str, Decimal]) -> Purchase:
    """Return *purchase* with its price in the currency that sums are kept in; half a cent is rounded away from zero.

    *rates* say how many units of that currency one unit of another is worth; without a rate the price is taken as it
    was sent. Raises Refused when the amount is beyond any profile's revenue.
    """
    rate = rates.get(purchase.currency)
    if rate is not None:
        cents = (purchase.price_cents * rate).quantize(Decimal(1), rounding=ROUND_HALF_UP)
        purchase = dataclasses.replace(purchase, price_cents=int(cents))
    check_revenue(0, purchase)
    return purchase


def check_revenue(cents: int, purchase: Purchase) -> None:
    """Raise Refused when *purchase* would take revenue of so many *cents* out of its range, or further out of it."""
    after = cents + purchase.price_cents * purchase.quantity
    if abs(after) > max(MAX_REVENUE_CENTS, abs(cents)):
        raise Refused(TOO_MUCH)
