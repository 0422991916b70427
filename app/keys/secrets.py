"""The form of secrets and console tokens, which name their workspace's route label for the balancer.

A balancer maps labels to cells (docs/cells.md). Nothing else reads the label: a secret is known by its digest alone.
Secrets and tokens made before there were labels stay valid, and the balancer sends them to the default cell.
"""

import re
import secrets

SECRET_BYTES = 32
PREFIX = "ml_"
#: The start of a secret with a label.
LABELLED = re.compile(r"ml_([a-z0-9]{1,20})_", re.ASCII)
#: The label, the id of the workspace, at most nine digits, and the secret.
TOKEN = re.compile(r"(?:[a-z0-9]{1,20}\.)?([1-9][0-9]{0,8})\.[A-Za-z0-9_-]{43}", re.ASCII)
#: The most characters after the label that are stored to recognise a secret; never more than a quarter of them.
HINT = 4
#: The same for a secret that an operator chose.
UNLABELLED_HINT = 7


def new_secret(route_label: str) -> str:
    """Return a new secret of a key."""
    return f"{PREFIX}{route_label}_{secrets.token_urlsafe(SECRET_BYTES)}"


def new_token(route_label: str, workspace_id: int) -> str:
    """Return a new token of a sign-in to the console."""
    return f"{route_label}.{workspace_id}.{secrets.token_urlsafe(SECRET_BYTES)}"


def workspace_of_token(token: str) -> int | None:
    """Return the workspace of *token*, or None when it is no token."""
    match = TOKEN.fullmatch(token)
    return int(match[1]) if match else None


def label_of_secret(secret: str) -> str | None:
    """Return the route label in *secret*, or None when it has none."""
    match = LABELLED.match(secret)
    return match[1] if match else None


def hint_of_secret(secret: str, *, route_label: str | None = None) -> str:
    """Return the characters by which people recognise *secret*: the label, if it has that one, and a few more."""
    shown = 0 if route_label is None else len(f"{PREFIX}{route_label}_")
    most = UNLABELLED_HINT if route_label is None else HINT
    return secret[: shown + min(most, (len(secret) - shown) // 4)]
