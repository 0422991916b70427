"""How the text of a setting that is a list is read."""

import re
from collections.abc import Callable
from decimal import Decimal
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from marshmallow import ValidationError
from marshmallow import fields as schema_fields

from app.broker_url import MEMORY, parse_broker_url
from app.errors import SetupError
from app.rates.buckets import Limit, parse_limits
from schemas.placeholders import DEFAULT, DEFAULT_PLACEHOLDERS, PATTERNS, comparable

#: Characters that a pepper needs at least, so that it cannot be guessed.
SHORTEST_PEPPER = 16
UNDO_BEYOND_PRUNING = (
    "MERGELANE_UNDO_DAYS is more than MERGELANE_PRUNE_AFTER_DAYS, after which nothing is left to undo by;"
    " lower the one or raise the other."
)
GROUPS_OF_BOTH_KINDS = (
    "MERGELANE_EMAIL_GROUPS and MERGELANE_SMS_GROUPS both list {groups}; a group is for emails or for text messages,"
    " so remove each from one of the two."
)
ROLE_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}", re.ASCII)
HOST_NAME = re.compile(r"\.?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*", re.ASCII)


class Peppers(schema_fields.Field[tuple[str, ...]]):
    """A comma-separated list of secrets, the newest first; an empty part stands for no secret."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> tuple[str, ...]:
        peppers = tuple(part.strip() for part in str(value).split(","))
        if any(0 < len(pepper) < SHORTEST_PEPPER for pepper in peppers):
            raise ValidationError(f"Each secret must have at least {SHORTEST_PEPPER} characters.")
        return peppers


class ExactList(schema_fields.Field[frozenset[str]]):
    """A comma-separated list of values that are compared exactly, without the blanks around them."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> frozenset[str]:
        return frozenset(part.strip() for part in str(value).split(",") if part.strip())


class RoleName(schema_fields.Field[str]):
    """The name of a role of PostgreSQL."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        name = str(value).strip()
        if not ROLE_NAME.fullmatch(name):
            raise ValidationError("It must have only the characters a-z, 0-9 and _, and not start with a digit.")
        return name


class DatabaseUrl(schema_fields.Field[str]):
    """A URL of PostgreSQL, or parameters in libpq's form name=value."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        # psycopg takes long to load, and the commands that only send requests do without.
        from app.database_url import check_database_url  # noqa: PLC0415

        return _checked(str(value).strip(), check_database_url)


class BrokerUrlText(schema_fields.Field[str]):
    """A URL of the broker."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        return _checked(str(value).strip(), parse_broker_url)


class RateLimitUrlText(schema_fields.Field[str]):
    """A URL of a Redis, or memory:// for counts of each process."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        return _checked(str(value).strip(), _check_rate_limit_url)


class Limits(schema_fields.Field[tuple[Limit, ...]]):
    """A comma-separated list of BUCKET=REQUESTS/SECONDS; other buckets keep the vendor's limit."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> tuple[Limit, ...]:
        try:
            return parse_limits(str(value))
        except ValueError as error:
            raise ValidationError(str(error)) from None


class Networks(schema_fields.Field[tuple[IPv4Network | IPv6Network, ...]]):
    """A comma-separated list of IP addresses and networks."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> tuple[IPv4Network | IPv6Network, ...]:
        try:
            return tuple(ip_network(part.strip()) for part in str(value).split(","))
        except ValueError:
            message = "Each part must be an IP address or a network, such as 10.0.0.7 or 10.0.0.0/8."
            raise ValidationError(message) from None


class CurrencyRates(schema_fields.Field[tuple[tuple[str, Decimal], ...]]):
    """A comma-separated list of CODE=RATE."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> tuple[tuple[str, Decimal], ...]:
        return tuple(_currency_rate(part) for part in str(value).split(","))


class Pauses(schema_fields.Field[tuple[float, ...]]):
    """A comma-separated list of seconds."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> tuple[float, ...]:
        parts = [part.strip() for part in str(value).split(",")]
        if not all(re.fullmatch(r"\d{1,7}(\.\d+)?", part, re.ASCII) for part in parts):
            raise ValidationError("Each part must be a number of seconds, such as 5 or 0.5.")
        return tuple(map(float, parts))


class HostNames(schema_fields.Field[frozenset[str]]):
    """A comma-separated list of host names, without ports. A dot in front stands for all names below; `*` for any."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> frozenset[str]:
        names = frozenset(part.strip().lower().removesuffix(".") for part in str(value).split(",") if part.strip())
        if not all(name == "*" or HOST_NAME.fullmatch(name) for name in names):
            raise ValidationError("Each part must be a host name such as merge.example.com, without scheme and port.")
        return names


class Placeholders(schema_fields.Field[frozenset[str]]):
    """A comma-separated list of placeholders. The entry DEFAULT stands for the default list."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> frozenset[str]:
        entries = [part.strip() for part in str(value).split(",")]
        own = {entry if entry == PATTERNS else comparable(entry) for entry in entries if entry != DEFAULT}
        return frozenset(own | DEFAULT_PLACEHOLDERS) if DEFAULT in entries else frozenset(own)


def refuse_groups_of_both_kinds(email_groups: frozenset[str], sms_groups: frozenset[str]) -> None:
    """Raise SetupError if a subscription group is in both lists."""
    if both := email_groups & sms_groups:
        raise SetupError(GROUPS_OF_BOTH_KINDS.format(groups=", ".join(sorted(both))))


def _checked(text: str, check: Callable[[str], object]) -> str:
    """Return *text*; a ValueError of *check* is a sentence about it."""
    try:
        check(text)
    except ValueError as error:
        raise ValidationError(str(error)) from None
    return text


def _check_rate_limit_url(text: str) -> None:
    if text != MEMORY and not parse_broker_url(text).is_redis:
        raise ValueError("It must be the URL of a Redis. RabbitMQ cannot count requests.")


def _currency_rate(text: str) -> tuple[str, Decimal]:
    match = re.fullmatch(r"\s*([A-Z]{3})\s*=\s*(\d+(?:\.\d+)?)\s*", text, re.IGNORECASE | re.ASCII)
    if match is None or not Decimal(match[2]):
        raise ValidationError("Each part must be CODE=RATE, such as EUR=1.08, with a rate above zero.")
    return match[1].upper(), Decimal(match[2])
