"""The actor of an audited request."""

from flask import g, request

from app.audit.log import Actor


def current_actor() -> Actor:
    """Return the API key, request id and path of this request."""
    return Actor(api_key_id=g.api_key_id, request_id=g.request_id, path=request.path)
