"""Starting a run while another one ends."""

from typing import TYPE_CHECKING, Any, cast
from uuid import UUID, uuid5

from app.db.transaction import Transaction
from app.duplicates import runs
from schemas.keeping import KeepRule, RunTrigger

if TYPE_CHECKING:
    from psycopg import Connection

RUN_ID = uuid5(UUID(int=0), "run")


class FakeConnection:
    """Returns *rows*, one for each statement."""

    def __init__(self, *rows: dict[str, Any] | None) -> None:
        self.rows = list(rows)

    def execute(self, *_: object, **__: object) -> "FakeConnection":
        return self

    def fetchone(self) -> dict[str, Any] | None:
        return self.rows.pop(0)


def test_a_start_is_retried_when_the_other_run_ended_in_between() -> None:
    refused, ended, started = None, None, {"id": RUN_ID}
    tx = Transaction(cast("Connection", FakeConnection(refused, ended, started)), workspace_id=1)

    assert runs.start_run(tx, KeepRule(), trigger=RunTrigger.API) == RUN_ID
