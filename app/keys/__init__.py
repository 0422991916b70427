"""API keys: their secrets, workspaces, permissions and rate limits, and the console's sign-ins."""

from app.keys.permissions import ALL, PERMISSIONS
from app.keys.rates import read_workspace_limits, set_workspace_limit, unset_workspace_limit
from app.keys.store import (
    KeyHolder,
    KeyRecord,
    create_key,
    ensure_key,
    find_key_holder,
    find_workspaces,
    list_keys,
    revoke_key,
)

__all__ = [
    "ALL",
    "PERMISSIONS",
    "KeyHolder",
    "KeyRecord",
    "create_key",
    "ensure_key",
    "find_key_holder",
    "find_workspaces",
    "list_keys",
    "read_workspace_limits",
    "revoke_key",
    "set_workspace_limit",
    "unset_workspace_limit",
]
