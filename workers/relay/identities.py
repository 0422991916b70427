"""Numbers the changes of the identity feed after their commit, every workspace in turn."""

from app.db.connections import Pool, lend_connection
from app.db.transaction import Transaction, run_in_transaction
from app.identities.numbering import LOOK_BACK_S, NumberedChanges, number_changes, workspaces_with_changes
from app.metrics import relay as metrics
from app.webhooks.identities import create_identity_deliveries

#: Seconds that the first pass of a process looks back: PostgreSQL's clock may have been set back while no relay ran.
FIRST_LOOK_BACK_S = 600.0


class IdentityNumberer:
    """Numbers the changes of every workspace. Only one relay at a time numbers those of a workspace."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._visited: set[int] = set()

    def run_once(self) -> int:
        """Run a pass in each workspace that may have changes; return how many workspaces have more of them.

        A workspace whose changes all have numbers needs no other pass at once.
        """
        with lend_connection(self._pool) as connection:
            workspaces = workspaces_with_changes(connection)
        passes = [self.number(workspace_id) for workspace_id in workspaces]
        return sum(not each.complete and not each.locked for each in passes)

    def number_all(self, workspace_id: int) -> bool:
        """Number all changes of one workspace; return False when another process is numbering them."""
        while not (numbered := self.number(workspace_id)).complete:
            if numbered.locked:
                return False
        return True

    def number(self, workspace_id: int) -> NumberedChanges:
        """Run a pass in one workspace."""
        look_back_s = LOOK_BACK_S if workspace_id in self._visited else FIRST_LOOK_BACK_S
        numbered = run_in_transaction(self._pool, workspace_id, _number_and_notify, look_back_s=look_back_s)
        if numbered.complete:
            self._visited.add(workspace_id)
        metrics.IDENTITY_CHANGES.inc(len(numbered.changes))
        return numbered


def _number_and_notify(tx: Transaction, *, look_back_s: float) -> NumberedChanges:
    """Run a pass, and create the deliveries of its changes in the same transaction."""
    numbered = number_changes(tx, look_back_s=look_back_s)
    create_identity_deliveries(tx, numbered.changes)
    return numbered
