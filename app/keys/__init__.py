"""API keys: who may knock at the front door, for which workspace, and for what."""

from app.keys.permissions import ALL, PERMISSIONS
from app.keys.store import KeyHolder, KeyRecord, authenticate, create, ensure, list_keys, revoke

__all__ = [
    "ALL",
    "PERMISSIONS",
    "KeyHolder",
    "KeyRecord",
    "authenticate",
    "create",
    "ensure",
    "list_keys",
    "revoke",
]
