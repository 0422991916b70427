"""Who asks, as the audit keeps it of requests that become no job."""

from flask import g, request

from app.audit.log import Actor


def asker() -> Actor:
    """Return whose this request is."""
    return Actor(api_key_id=g.api_key_id, request_id=g.request_id, path=request.path)
