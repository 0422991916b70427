"""Every error response is an object with one message."""

import logging
from collections.abc import Iterator

import pytest
from flask import Flask

from app.config import Settings
from app.errors import Gone, ResolutionUnsettled
from app.web import create_app
from app.web.resources import resources_of
from tests.support.flask_caller import Caller


@pytest.fixture
def cut_off() -> Iterator[Flask]:
    """An application whose database does not respond."""
    flask = create_app(Settings(database_url="postgresql://127.0.0.1:1/nowhere", pool_timeout_s=0.2))
    try:
        yield flask
    finally:
        resources_of(flask).close()


def test_an_unknown_url_is_not_found(caller: Caller) -> None:
    for path in ("/", "/users", "/users/merge/", "/merge/batches/", "/static/x", "/users/merge/%00", "/health//live"):
        response = caller.get(path)

        assert response.status_code == 404
        assert response.json == {"message": "There is nothing at this URL; check its path."}


def test_another_method_gets_405_with_the_allowed_methods(caller: Caller) -> None:
    response = caller.get("/users/merge")

    assert response.status_code == 405
    assert response.json == {"message": "This URL does not take this method; the Allow header lists its methods."}
    assert response.headers["Allow"] == "POST"


def test_an_unexpected_error_has_details_in_the_log_and_none_in_the_response(
    flask_app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    @flask_app.get("/boom")
    def boom() -> None:
        message = "the inner details"
        raise RuntimeError(message)

    response = flask_app.test_client().get("/boom", headers={"X-Request-Id": "my-request"})

    assert response.status_code == 500
    assert response.json == {
        "message": "Something went wrong on the server; quote this answer's X-Request-Id when you report it."
    }
    assert response.headers["X-Request-Id"] == "my-request"
    (record,) = (record for record in caplog.records if record.levelno == logging.ERROR)
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "the inner details"


def test_an_orphan_gets_410_with_a_link_to_its_survivor(flask_app: Flask) -> None:
    @flask_app.get("/gone")
    def gone() -> None:
        message = "This profile was merged into another."
        raise Gone(message, survivor_braze_id="b" * 24)

    response = flask_app.test_client().get("/gone")

    assert response.status_code == 410
    assert response.json == {"message": "This profile was merged into another."}
    assert response.headers["Link"] == f'</profiles/{"b" * 24}>; rel="canonical"'


def test_profiles_that_keep_changing_get_503_with_retry_after(flask_app: Flask) -> None:
    @flask_app.get("/unsettled")
    def unsettled() -> None:
        raise ResolutionUnsettled

    response = flask_app.test_client().get("/unsettled")

    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/health/ready"), ("POST", "/users/merge"), ("GET", "/merge/jobs")]
)
def test_a_request_without_a_database_gets_503_with_retry_after(cut_off: Flask, method: str, path: str) -> None:
    headers = {"Authorization": "Bearer some-key-or-other"}

    response = cut_off.test_client().open(path, method=method, headers=headers, json={"merge_updates": []})

    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    assert list(response.json or {}) == ["message"]


def test_live_succeeds_without_a_database(cut_off: Flask) -> None:
    assert cut_off.test_client().get("/health/live").json == {"status": "live"}


def test_ready_succeeds_with_a_database(flask_app: Flask) -> None:
    response = flask_app.test_client().get("/health/ready")

    assert response.status_code == 200
    assert response.json == {"status": "ready"}
