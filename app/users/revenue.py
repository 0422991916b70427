"""Revenue of purchases: conversion into the currency of the sums, and its bounds. Pure."""

import dataclasses
from collections.abc import Mapping
from decimal import Decimal

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
    """Return *purchase* with the rate of its currency, which converts its revenue into the currency of the sums.

    *rates* maps a currency to the value of one unit in the currency of the sums. Without a rate the revenue counts as
    sent. Raises EntryRefused when the amount alone exceeds MAX_REVENUE_CENTS.
    """
    rate = rates.get(purchase.currency)
    if rate is not None:
        purchase = dataclasses.replace(purchase, rate=rate)
    check_revenue(0, purchase)
    return purchase


def check_revenue(cents: int, purchase: Purchase) -> None:
    """Raise EntryRefused when *purchase* takes a revenue of *cents* out of its range, or further out of it."""
    after = cents + purchase.revenue_cents
    if abs(after) > max(MAX_REVENUE_CENTS, abs(cents)):
        raise EntryRefused(TOO_MUCH)
