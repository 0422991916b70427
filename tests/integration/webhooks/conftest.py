"""Fixtures for tests of webhooks: an application that allows loopback URLs, a receiver, and a sender.

The tests of a file share a database. Each test has its own workspace.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from uuid_utils import uuid7

from app import keys
from app.config import Settings
from app.db.connections import open_pool
from app.web import create_app
from app.web.resources import resources_of
from tests.integration.webhooks.notices import Notifier
from tests.support.flask_caller import Caller
from tests.support.postgres import make_database_url
from tests.support.receiver import Receiver, receiving
from workers.sender.webhook_client import WebhookClient

PEPPER = "a-pepper-for-the-tests"


database_url = make_database_url(scope="module")


@pytest.fixture
def settings(database_url: str) -> Settings:
    """Settings that allow private networks, with a short retry schedule."""
    return Settings(
        database_url=database_url,
        pool_timeout_s=30.0,
        webhook_private_networks=True,
        webhook_retries_s=(0.01, 0.02),
        webhook_timeout_s=5.0,
        webhook_pepper=(PEPPER,),
        identify_wait_s=0,
    )


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that accepts all requests."""
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def make_caller(settings: Settings) -> Iterator[Callable[..., Caller]]:
    """A function that creates a caller, by default with all permissions in a new workspace."""
    flask = create_app(settings)

    def make(*, permissions: tuple[str, ...] = ("*",), workspace: str | None = None) -> Caller:
        workspace = workspace or f"workspace-{uuid7()}"
        with psycopg.connect(settings.database_url) as conn:
            key_id, secret = keys.create_key(conn, workspace=workspace, label="test", permissions=permissions)
            (workspace_id,) = conn.execute("SELECT workspace_id FROM api_key WHERE id = %s", [key_id]).fetchone() or ()
        return Caller(flask, secret=secret, key_id=key_id, workspace_id=workspace_id, workspace=workspace)

    try:
        yield make
    finally:
        resources_of(flask).close()


@pytest.fixture
def make_notifier(settings: Settings, receiver: Receiver) -> Iterator[Callable[..., Notifier]]:
    """A function that creates a sender with the settings of the tests. Keyword arguments replace settings."""
    made: list[Notifier] = []
    with open_pool(settings, name="test-sender") as pool:

        def make(client: WebhookClient | None = None, **own: Any) -> Notifier:
            made.append(Notifier(pool, replace(settings, **own), client))
            return made[-1]

        yield make
        receiver.released.set()
        for each in made:
            each.sender.finish()
            each.sender.__exit__(None, None, None)


@pytest.fixture
def notifier(make_notifier: Callable[..., Notifier]) -> Notifier:
    """A sender."""
    return make_notifier()


@pytest.fixture
def caller(make_caller: Callable[..., Caller]) -> Caller:
    """A caller with all permissions in a fresh workspace."""
    return make_caller()
