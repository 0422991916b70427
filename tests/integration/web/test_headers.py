"""Every response has security headers. It has Strict-Transport-Security only if the setting enables it."""

from collections.abc import Iterator

import pytest
from flask import Flask

from app.config import Settings
from app.web import create_app
from app.web.headers import HEADERS
from app.web.resources import resources_of
from tests.support.flask_caller import Caller

PATHS = ("/users/merge", "/merge/jobs", "/merge/jobs/none", "/nowhere", "/health/live", "/health/ready", "/profiles/x")


@pytest.fixture
def behind_tls(database_url: str) -> Iterator[Flask]:
    """The application with Strict-Transport-Security enabled."""
    flask = create_app(Settings(database_url=database_url, hsts_s=31_536_000))
    try:
        yield flask
    finally:
        resources_of(flask).close()


@pytest.mark.parametrize("path", PATHS)
def test_every_response_has_the_security_headers(caller: Caller, path: str) -> None:
    for answer in (caller.get(path), caller.post(path, {}), caller.get(path, headers={"Authorization": "Bearer x"})):
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


def test_an_unexpected_error_has_the_security_headers(flask_app: Flask) -> None:
    @flask_app.get("/boom")
    def boom() -> None:
        raise RuntimeError

    answer = flask_app.test_client().get("/boom")

    assert answer.status_code == 500
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


def test_responses_are_not_cached_framed_or_sniffed(caller: Caller) -> None:
    headers = caller.get("/merge/jobs").headers

    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "no-referrer"


def test_the_documentation_page_may_load_only_files_of_this_server(flask_app: Flask) -> None:
    answer = flask_app.test_client().get("/docs")
    policy = answer.headers["Content-Security-Policy"]
    answer.close()

    assert answer.status_code == 200
    assert {"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"} <= set(policy.split("; "))
    assert "http" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_responses_have_no_strict_transport_security_by_default(caller: Caller) -> None:
    assert "Strict-Transport-Security" not in caller.get("/merge/jobs").headers


def test_the_setting_enables_strict_transport_security(behind_tls: Flask) -> None:
    answer = behind_tls.test_client().get("/health/live")

    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
