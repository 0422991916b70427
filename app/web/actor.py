"""Who asks, as the audit keeps it of requests that become no job."""

from flask import g, request

from app.audit.log import Asker


def current_actor() -> Asker:
    """Return whose this request is."""
    return Asker(api_key_id=g.api_key_id, request_id=g.request_id, path=request.path)
