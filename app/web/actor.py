"""The actor of an audited request."""

from flask import g, request

from app.audit.log import Asker


def current_actor() -> Asker:
    """Return the API key, request id and path of this request."""
    return Asker(api_key_id=g.api_key_id, request_id=g.request_id, path=request.path)
