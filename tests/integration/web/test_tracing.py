"""Around every request: its id in the answer and the log, and nothing that tells who a person is."""

import logging

import pytest
from flask import Flask

from tests.support.front_door import Caller


@pytest.mark.parametrize("given", ["abc", "0b9d2f4e-1", "a" * 128, "trace:1/2+3=4._-"])
def test_a_sane_request_id_of_the_client_comes_back(caller: Caller, given: str) -> None:
    assert caller.get("/merge/jobs", headers={"X-Request-Id": given}).headers["X-Request-Id"] == given


@pytest.mark.parametrize("given", ["", "a b", "a" * 129, "\u00fc", '"', "<script>"])
def test_another_is_replaced_by_one_of_ours(caller: Caller, given: str) -> None:
    ours = caller.get("/merge/jobs", headers={"X-Request-Id": given}).headers["X-Request-Id"]

    assert len(ours) == 36
    assert ours != given


def test_every_answer_has_an_id_even_of_a_url_that_does_not_exist(front_door: Flask) -> None:
    client = front_door.test_client()
    ids = {client.get(path).headers["X-Request-Id"] for path in ("/nowhere", "/health/live", "/merge/jobs")}

    assert len(ids) == 3


def test_the_log_tells_what_was_answered_and_nothing_about_persons(
    caller: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    person = {"email": "jane@example.com", "prioritization": ["identified"]}
    updates = [{"identifier_to_merge": person, "identifier_to_keep": {"external_id": "jane-the-first"}}]
    caller.post("/users/merge", {"merge_updates": updates}, headers={"Idempotency-Key": "jane-key"})
    caller.get("/merge/jobs", identifier="jane@example.com")

    lines = [record for record in caplog.records if record.message == "request_answered"]
    told = "\n".join(str(vars(record)) for record in caplog.records)

    assert [(vars(line)["route"], vars(line)["status"]) for line in lines] == [
        ("/users/merge", 202),
        ("/merge/jobs", 200),
    ]
    assert {vars(line)["api_key_id"] for line in lines} == {caller.key_id}
    assert "jane" not in told
    assert caller.secret not in told


def test_health_checks_do_not_fill_the_log(front_door: Flask, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    front_door.test_client().get("/health/live")

    assert [record for record in caplog.records if record.name == "app.web.request_logging"] == []
