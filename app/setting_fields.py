"""How the text of a setting that is one value is read."""

import re

from marshmallow import fields as schema_fields
from marshmallow import validate

#: HOST:PORT, with an IPv6 address in brackets.
ADDRESS = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):[1-9][0-9]{0,4}\Z")


def text(*allowed: str) -> schema_fields.String:
    """Return what reads one of the *allowed* texts, or any text."""
    return schema_fields.String(validate=validate.OneOf(allowed) if allowed else None)


def switch() -> schema_fields.Boolean:
    """Return what reads true or false."""
    return schema_fields.Boolean()


def whole(least: int = 1) -> schema_fields.Integer:
    """Return what reads a whole number from *least* on."""
    return schema_fields.Integer(validate=validate.Range(min=least))


def percent() -> schema_fields.Integer:
    """Return what reads a whole number from 1 to 100."""
    return schema_fields.Integer(validate=validate.Range(min=1, max=100))


def positive() -> schema_fields.Float:
    """Return what reads a number above 0."""
    return schema_fields.Float(validate=validate.Range(min=0, min_inclusive=False))


def at_least_zero(most: float | None = None) -> schema_fields.Float:
    """Return what reads a number from 0 to *most*."""
    return schema_fields.Float(validate=validate.Range(min=0, max=most))


def url() -> schema_fields.Url:
    """Return what reads a URL of HTTP."""
    return schema_fields.Url(schemes={"http", "https"}, require_tld=False)


def address() -> schema_fields.String:
    """Return what reads HOST:PORT."""
    sentence = "It must be HOST:PORT, such as 127.0.0.1:9464 or [::1]:9464."
    return schema_fields.String(validate=validate.Regexp(ADDRESS, error=sentence))
