"""`GET /metrics`: what it tells, and whom."""

import re
from collections.abc import Callable

import pytest
from flask import Flask

from app.config import Settings
from app.web import create_app
from app.web.resources import resources_of
from tests.support.front_door import Caller

ELSEWHERE = {"REMOTE_ADDR": "203.0.113.7"}


def value_of(text: str, name: str) -> int:
    """Return the value of the metric *name*."""
    found = re.search(rf"^{name}_total (\S+)$", text, re.MULTILINE)
    assert found is not None

    return int(float(found[1]))


def test_this_machine_needs_no_key(front_door: Flask) -> None:
    client = front_door.test_client()
    before = value_of(client.get("/metrics").text, "mergelane_http_requests")
    answer = client.get("/metrics")

    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain")
    assert value_of(answer.text, "mergelane_http_requests") == before + 1


@pytest.mark.parametrize("header", ["Forwarded", "X-Forwarded-For", "X-Real-IP"])
def test_somebody_behind_a_proxy_on_this_machine_needs_one(front_door: Flask, header: str) -> None:
    assert front_door.test_client().get("/metrics", headers={header: "203.0.113.7"}).status_code == 401


def test_another_machine_needs_a_key_that_may(front_door: Flask, make_caller: Callable[..., Caller]) -> None:
    client = front_door.test_client()

    def status(*permissions: str) -> int:
        headers = {"Authorization": f"Bearer {make_caller(permissions=permissions).secret}"}
        return client.get("/metrics", headers=headers, environ_base=ELSEWHERE).status_code

    assert client.get("/metrics", environ_base=ELSEWHERE).status_code == 401
    assert status("users.merge") == 403
    assert status("metrics.read") == 200


def test_requests_let_in_while_redis_is_away_are_counted(caller: Caller, database_url: str) -> None:
    flask = create_app(Settings(database_url=database_url, broker_url="redis://127.0.0.1:1"))
    client = flask.test_client()
    name = "mergelane_rate_limits_uncounted_requests"
    try:
        before = value_of(client.get("/metrics").text, name)
        answer = client.get("/merge/jobs", headers={"Authorization": f"Bearer {caller.secret}"})
        after = value_of(client.get("/metrics").text, name)
    finally:
        resources_of(flask).close()

    assert answer.status_code == 200
    assert after == before + 1
