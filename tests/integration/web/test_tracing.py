"""Every response and log line has the id of its request. The log contains no personal data."""

import logging

import pytest
from flask import Flask

from tests.support.flask_caller import Caller


@pytest.mark.parametrize("given", ["abc", "0b9d2f4e-1", "a" * 128, "trace:1/2+3=4._-"])
def test_a_valid_request_id_of_the_client_is_returned(caller: Caller, given: str) -> None:
    assert caller.get("/merge/jobs", headers={"X-Request-Id": given}).headers["X-Request-Id"] == given


@pytest.mark.parametrize("given", ["", "a b", "a" * 129, "\u00fc", '"', "<script>"])
def test_an_invalid_request_id_is_replaced_by_a_new_one(caller: Caller, given: str) -> None:
    ours = caller.get("/merge/jobs", headers={"X-Request-Id": given}).headers["X-Request-Id"]

    assert len(ours) == 36
    assert ours != given


def test_every_response_has_an_id_even_for_an_unknown_url(flask_app: Flask) -> None:
    client = flask_app.test_client()
    ids = {client.get(path).headers["X-Request-Id"] for path in ("/nowhere", "/health/live", "/merge/jobs")}

    assert len(ids) == 3


def test_the_log_contains_each_response_and_no_personal_data(caller: Caller, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    person = {"email": "jane@example.com", "prioritization": ["identified"]}
    updates = [{"identifier_to_merge": person, "identifier_to_keep": {"external_id": "jane-the-first"}}]
    caller.post("/users/merge", {"merge_updates": updates}, headers={"Idempotency-Key": "jane-key"})
    caller.get("/merge/jobs", identifier="jane@example.com")

    lines = [record for record in caplog.records if record.message == "request_answered"]
    log = "\n".join(str(vars(record)) for record in caplog.records)

    assert [(vars(line)["route"], vars(line)["status"]) for line in lines] == [
        ("/users/merge", 202),
        ("/merge/jobs", 200),
    ]
    assert {vars(line)["api_key_id"] for line in lines} == {caller.key_id}
    assert "jane" not in log
    assert caller.secret not in log


def test_health_checks_are_not_logged(flask_app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    flask_app.test_client().get("/health/live")

    assert [record for record in caplog.records if record.name == "app.web.request_logging"] == []
