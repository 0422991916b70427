"""Refusals that are repeated without PostgreSQL: an impatient client must not cost others what its refusal saves them.

A process remembers for REMEMBER_S which keys it has refused, because their workspace used its whole share. While the
share is used up, it refuses the next request of the key before it authenticates it and reads its body. Nothing is
remembered that allows a request: a revoked key gets 429 for REMEMBER_S at most, then 401.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from threading import Lock
from time import monotonic

from app.metrics.shares import Resource

#: Seconds after which a refused key is authenticated again.
REMEMBER_S = 2.0
#: The most refusals that are remembered.
MOST = 1_024


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A refusal of an authenticated request."""

    workspace_id: int
    resource: Resource
    until: float


class RecentRefusals:
    """The refusals of this process by key and endpoint. It has digests of the keys, with a secret of the process."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._salt = os.urandom(16)
        self._refusals: dict[tuple[bytes, str], Refusal] = {}
        self._lock = Lock()

    def digest(self, secret: str) -> bytes:
        """Return what stands for a key: without the salt it reveals nothing."""
        return blake2b(secret.encode(), key=self._salt).digest()

    def remember(self, digest: bytes, endpoint: str, *, workspace_id: int, resource: Resource) -> None:
        """Remember that the key with this digest was refused at *endpoint*; at "" for all endpoints."""
        now = self._clock()
        refusal = Refusal(workspace_id=workspace_id, resource=resource, until=now + REMEMBER_S)
        with self._lock:
            if len(self._refusals) >= MOST:
                self._refusals = {each: one for each, one in self._refusals.items() if one.until > now}
            if len(self._refusals) < MOST:
                self._refusals[digest, endpoint] = refusal

    def find(self, digest: bytes, endpoint: str) -> list[Refusal]:
        """Return the refusals of this key that are not too old, for all endpoints and for this one."""
        now = self._clock()
        found = (self._refusals.get((digest, each)) for each in ("", endpoint))
        return [refusal for refusal in found if refusal is not None and now < refusal.until]
