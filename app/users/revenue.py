"""Revenue of purchases: conversion into the currency of the sums, and its bounds. Pure."""

import dataclasses
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal

from schemas.history import Purchase

#: Bound of a profile's revenue in cents, positive or negative: every JSON reader keeps such whole numbers exact.
MAX_REVENUE_CENTS = 2**53 - 1
TOO_MUCH = (
    "The revenue of the profile's lifetime would have left the range of"
    f" {-MAX_REVENUE_CENTS / 100:,.2f} to {MAX_REVENUE_CENTS / 100:,.2f}."
)


class EntryRefused(ValueError):
    """A valid entry cannot take effect; the message is a sentence for the client."""


def convert_price(purchase: Purchase, rates: Mapping[str, Decimal]) -> Purchase:
    """Return *purchase* with its price in the currency of the sums; half a cent is rounded away from zero.

    *rates* maps a currency to the value of one unit in the currency of the sums. Without a rate the price stays as
    sent. Raises EntryRefused when the amount alone exceeds MAX_REVENUE_CENTS.
    """
    rate = rates.get(purchase.currency)
    if rate is not None:
        cents = (purchase.price_cents * rate).quantize(Decimal(1), rounding=ROUND_HALF_UP)
        purchase = dataclasses.replace(purchase, price_cents=int(cents))
    check_revenue(0, purchase)
    return purchase


def check_revenue(cents: int, purchase: Purchase) -> None:
    """Raise EntryRefused when *purchase* takes a revenue of *cents* out of its range, or further out of it."""
    after = cents + purchase.price_cents * purchase.quantity
    if abs(after) > max(MAX_REVENUE_CENTS, abs(cents)):
        raise EntryRefused(TOO_MUCH)
