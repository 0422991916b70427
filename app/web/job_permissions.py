"""The permission that a job requires, by its kind: of its request, of its retry and of its undo."""

from collections.abc import Collection

from flask import g

from app.web.auth import AccessDenied
from schemas.outcomes import JobKind

#: An undo requires the permission of the job that it undoes.
PERMISSIONS = {JobKind.MERGE: "users.merge", JobKind.IDENTIFY: "users.identify"}
#: Required for an undo whose job was pruned, so that its kind is unknown.
DEFAULT = "users.merge"


def may_run(kind: JobKind) -> bool:
    """Return whether the key of this request may run jobs of *kind*."""
    return bool(g.may(PERMISSIONS.get(kind, DEFAULT)))


def require_kind(kind: JobKind) -> None:
    """Raise AccessDenied unless the key may run jobs of *kind*."""
    if not may_run(kind):
        raise AccessDenied("Access Denied")


def require_permission(kinds: Collection[JobKind]) -> None:
    """Raise AccessDenied unless the key may run jobs of all *kinds*; undos are refused later, with a better reason."""
    for kind in kinds:
        if kind in PERMISSIONS:
            require_kind(kind)
