"""A web application whose PostgreSQL a test may stop, or let refuse work."""

from collections.abc import Iterator

import psycopg
import pytest
from flask import Flask

from app import keys
from app.config import Settings
from app.db import migrations
from app.web import create_app
from app.web.resources import resources_of
from tests.support.flask_caller import Caller
from tests.support.postgres import PostgresServer


@pytest.fixture
def lone_app(own_postgres: PostgresServer) -> Iterator[Flask]:
    """A web application on the PostgreSQL server `own_postgres`, which the test may stop or let refuse work."""
    migrations.upgrade_schema(own_postgres.url())
    flask = create_app(Settings(database_url=own_postgres.url(), pool_timeout_s=0.5))
    try:
        yield flask
    finally:
        resources_of(flask).close()


@pytest.fixture
def lone_caller(own_postgres: PostgresServer, lone_app: Flask) -> Caller:
    """A `Caller` of the application `lone_app` with all permissions."""
    with psycopg.connect(own_postgres.url()) as conn:
        key_id, secret = keys.create_key(conn, workspace="shop", label="test", permissions=["*"])
    return Caller(lone_app, secret=secret, key_id=key_id, workspace_id=1, workspace="shop")
