"""The web application without a server: Flask's test client, with an API key and a real database."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import orjson
import psycopg
import pytest
from flask import Flask
from uuid_utils import uuid7
from werkzeug.test import TestResponse

from app import keys
from app.web import create_app
from app.web.resources import resources_of
from tests.support.on_citus import database_settings

#: Seconds to wait for a database connection. A test in which the pool is exhausted sets its own value.
PATIENCE_S = 30.0


class Caller:
    """Sends requests with one API key to the web application. `get`, `post` and so on return the whole response."""

    def __init__(self, flask: Flask, *, secret: str, key_id: UUID, workspace_id: int, workspace: str) -> None:
        self.secret = secret
        self.key_id = key_id
        self.workspace_id = workspace_id
        self.workspace = workspace
        self.flask = flask
        self._client = flask.test_client()

    def get(self, path: str, *, headers: dict[str, str] | None = None, **query: Any) -> TestResponse:
        """Return the response to GET *path* with *query*."""
        return self._client.get(path, query_string=query, headers=self._with_key(headers))

    def post(self, path: str, body: Any = None, *, headers: dict[str, str] | None = None, **raw: Any) -> TestResponse:
        """Return the response to POST *path* with *body* as JSON, or with `data` and `content_type`."""
        if "data" not in raw:
            raw["json"] = body
        return self._client.post(path, headers=self._with_key(headers), **raw)

    def post_lines(self, path: str, *lines: Any, headers: dict[str, str] | None = None, **query: Any) -> TestResponse:
        """Return the response to POST *path* with *query* and *lines* as NDJSON."""
        data = b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines)
        named = {**self._with_key(headers), "Content-Type": "application/x-ndjson"}
        return self._client.post(path, query_string=query, headers=named, data=data)

    def patch(self, path: str, body: Any) -> TestResponse:
        """Return the response to PATCH *path* with *body* as JSON."""
        return self._client.patch(path, json=body, headers=self._with_key(None))

    def delete(self, path: str) -> TestResponse:
        """Return the response to DELETE *path*."""
        return self._client.delete(path, headers=self._with_key(None))

    def put(self, path: str, body: Any = None, *, headers: dict[str, str] | None = None, **raw: Any) -> TestResponse:
        """Return the response to PUT *path* with *body* as JSON, or with `data` and `content_type`."""
        if "data" not in raw:
            raw["json"] = body
        return self._client.put(path, headers=self._with_key(headers), **raw)

    def _with_key(self, headers: dict[str, str] | None) -> dict[str, str]:
        """Return *headers* with the key, unless they contain an Authorization header."""
        return {"Authorization": f"Bearer {self.secret}", **(headers or {})}


@pytest.fixture
def flask_app(database_url: str) -> Iterator[Flask]:
    """The web application on the test's fresh database. No worker runs, so `/users/identify` does not wait for jobs."""
    flask = create_app(database_settings(database_url, pool_timeout_s=PATIENCE_S, identify_wait_s=0))
    try:
        yield flask
    finally:
        resources_of(flask).close()


@pytest.fixture
def make_caller(flask_app: Flask, database_url: str) -> Callable[..., Caller]:
    """A function that returns a `Caller` with a new key, by default with all permissions in a new workspace."""

    def make(*, workspace: str | None = None, permissions: tuple[str, ...] = ("*",)) -> Caller:
        workspace = workspace or f"workspace-{uuid7()}"
        with psycopg.connect(database_url) as conn:
            key_id, secret = keys.create_key(conn, workspace=workspace, label="test", permissions=permissions)
            row = conn.execute("SELECT workspace_id FROM api_key WHERE id = %s", [key_id]).fetchone()
        assert row is not None
        return Caller(flask_app, secret=secret, key_id=key_id, workspace_id=row[0], workspace=workspace)

    return make


@pytest.fixture
def caller(make_caller: Callable[..., Caller]) -> Caller:
    """A `Caller` with all permissions in a fresh workspace: it sends requests to the web application."""
    return make_caller()
