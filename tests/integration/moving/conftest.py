"""Two cells on one server: the database of the test, and one with other ids of workspaces."""

from collections.abc import Callable, Iterator

import pytest

from app import keys
from app.config import Settings
from app.db.connections import Connection, lend_connection, open_pool
from app.moving.moving import Move, MovePlan
from app.moving.workspaces import start_workspace_ids
from app.system.heartbeats import Heartbeat
from cli.database import session
from tests.support.postgres import Databases

WORKSPACE = "shop"


@pytest.fixture
def other_url(databases: Databases) -> Iterator[str]:
    """The URL of the database of the other cell, whose web has sent a heartbeat."""
    with databases.lend(databases.create()) as url:
        with session(Settings(), url, name="test") as connection:
            start_workspace_ids(connection, 1_000_001)
        settings = Settings(database_url=url, cell="eu-2")
        with open_pool(settings, name="test") as pool:
            Heartbeat("web", settings, lambda: lend_connection(pool)).beat()
            yield url


@pytest.fixture
def here(database_url: str) -> Iterator[Connection]:
    """A session of the owner in the cell of the test."""
    with session(Settings(), database_url, name="test") as connection:
        yield connection


@pytest.fixture
def there(other_url: str) -> Iterator[Connection]:
    """A session of the owner in the other cell."""
    with session(Settings(), other_url, name="test") as connection:
        yield connection


@pytest.fixture
def secret(here: Connection) -> str:
    """The secret of a key of the workspace that moves."""
    return keys.create_key(here, workspace=WORKSPACE, label="test", permissions=["*"])[1]


@pytest.fixture
def make_move(here: Connection, there: Connection) -> Callable[..., Move]:
    """A function that makes a move of the workspace from here to there."""

    def make(*, workspace: str = WORKSPACE, name: str | None = None, drain_s: float = 0.0, back: bool = False) -> Move:
        plan = MovePlan(workspace=workspace, name=name or workspace, drain_s=drain_s)
        source, target = (there, here) if back else (here, there)
        return Move(source, target, plan, report=lambda _: None)

    return make
