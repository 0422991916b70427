"""API keys: who may knock at the front door, for which workspace, for what, and how often."""

from app.keys.permissions import ALL, PERMISSIONS
from app.keys.rates import own_limits, set_limit, unset_limit
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
    "own_limits",
    "revoke",
    "set_limit",
    "unset_limit",
]
