"""How settings that are more than a word or a number are read from their text: as marshmallow's fields."""

import re
from decimal import Decimal
from typing import Any

from marshmallow import ValidationError, fields, validate

from app.rates.buckets import Limit, parse_limits

#: Characters that a pepper must have, so that it cannot be guessed.
SHORTEST_PEPPER = 16
#: HOST:PORT, an IPv6 address in brackets.
ADDRESS = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):[1-9][0-9]{0,4}\Z")


class PlainList(fields.Field[frozenset[str]]):
    """A comma-separated list of values that compare trimmed and case-folded."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> frozenset[str]:
        """Return the values that *value* lists."""
        return frozenset(part.strip().casefold() for part in str(value).split(","))


class Peppers(fields.Field[tuple[str, ...]]):
    """A comma-separated list of secrets, the newest first; an empty part is the absence of one."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> tuple[str, ...]:
        """Return the secrets that *value* lists."""
        peppers = tuple(part.strip() for part in str(value).split(","))
        if any(0 < len(pepper) < SHORTEST_PEPPER for pepper in peppers):
            raise ValidationError(f"Each secret must have at least {SHORTEST_PEPPER} characters.")
        return peppers


class Limits(fields.Field[tuple[Limit, ...]]):
    """A comma-separated list of BUCKET=REQUESTS/SECONDS; buckets that are not listed keep the vendor's limit."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> tuple[Limit, ...]:
        """Return the limits of all buckets."""
        try:
            return parse_limits(str(value))
        except ValueError as error:
            raise ValidationError(str(error)) from None


class CurrencyRates(fields.Field[tuple[tuple[str, Decimal], ...]]):
    """A comma-separated list of CODE=RATE."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> tuple[tuple[str, Decimal], ...]:
        """Return the currencies that *value* lists, each with its rate."""
        return tuple(_currency_rate(part) for part in str(value).split(","))


def an_address() -> fields.String:
    """Return a field for a place to listen at."""
    sentence = "It must be HOST:PORT, such as 127.0.0.1:9464 or [::1]:9464."
    return fields.String(validate=validate.Regexp(ADDRESS, error=sentence))


class Pauses(fields.Field[tuple[float, ...]]):
    """A comma-separated list of seconds."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> tuple[float, ...]:
        """Return the pauses that *value* lists."""
        parts = [part.strip() for part in str(value).split(",")]
        if not all(re.fullmatch(r"\d{1,7}(\.\d+)?", part, re.ASCII) for part in parts):
            raise ValidationError("Each part must be a number of seconds, such as 5 or 0.5.")
        return tuple(map(float, parts))


def _currency_rate(text: str) -> tuple[str, Decimal]:
    """Return the currency and the rate that *text* writes."""
    match = re.fullmatch(r"\s*([A-Z]{3})\s*=\s*(\d+(?:\.\d+)?)\s*", text, re.IGNORECASE | re.ASCII)
    if match is None or not Decimal(match[2]):
        raise ValidationError("Each part must be CODE=RATE, such as EUR=1.08, with a rate above zero.")
    return match[1].upper(), Decimal(match[2])
