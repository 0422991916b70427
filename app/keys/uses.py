"""The keys of one workspace with their last use, which each process writes at most once a minute and key."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from time import monotonic
from uuid import UUID

from app.db.queries import load_queries
from app.db.transaction import Transaction
from schemas.keys import KeyState

QUERIES = load_queries(__package__, "uses.sql")

#: Seconds between two writes of the last use of a key.
INTERVAL_S = 60.0
#: Keys that a process remembers. Beyond them it forgets the uses of more than INTERVAL_S ago.
MOST_KEYS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedKey:
    """A key without its secret and digest."""

    id: UUID
    label: str
    #: The first characters of the secret.
    hint: str
    permissions: Sequence[str]
    state: KeyState
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    #: None: not used since Mergelane records it.
    last_used_at: datetime | None


class KeyUses:
    """When this process last wrote the use of each key."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._written: dict[UUID, float] = {}
        self._lock = Lock()

    def is_due(self, key_id: UUID) -> bool:
        """Return whether to write the use of a key now; the next INTERVAL_S it returns False."""
        now = self._clock()
        with self._lock:
            written = self._written.get(key_id)
            if written is not None and now - written < INTERVAL_S:
                return False
            if len(self._written) >= MOST_KEYS:
                self._written = {each: at for each, at in self._written.items() if now - at < INTERVAL_S}
            self._written[key_id] = now
            return True


def list_workspace_keys(tx: Transaction, *, limit: int, before: UUID | None) -> list[ListedKey]:
    """Return up to *limit* keys of the workspace, newest first, older than *before*; revoked and expired ones too."""
    rows = tx.execute(QUERIES["list_workspace_keys"], {"limit": limit, "before": before})
    return [ListedKey(**{**row, "state": KeyState(row["state"])}) for row in rows]


def save_use(tx: Transaction, *, key_id: UUID) -> None:
    """Record that a key is used now. It waits for no lock, and writes at most once in INTERVAL_S."""
    tx.execute(QUERIES["save_use"], {"key_id": key_id, "interval_s": INTERVAL_S})
