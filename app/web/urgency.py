"""The header `Priority` of a request that creates jobs (RFC 9218)."""

import http_sf
from flask import request

from schemas.urgency import DEFAULT_PRIORITY, LEAST_URGENT, MOST_URGENT


def requested_priority() -> int:
    """Return the urgency in the header `Priority`, or the default one."""
    given = given_priority()
    return DEFAULT_PRIORITY if given is None else given


def given_priority() -> int | None:
    """Return the urgency in the header `Priority`; None without a valid one.

    RFC 9218 requires that a server ignores a malformed or unknown value: browsers and proxies send the header too.
    """
    text = request.headers.get("Priority", "")
    try:
        members = http_sf.parse(text.encode("latin-1"), tltype="dictionary")
    except (http_sf.StructuredFieldError, UnicodeEncodeError):
        return None
    member = members.get("u") if isinstance(members, dict) else None
    value = member[0] if isinstance(member, tuple) else None
    if type(value) is not int or not MOST_URGENT <= value <= LEAST_URGENT:
        return None
    return value
