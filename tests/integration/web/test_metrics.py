"""`GET /metrics`: what it tells, and whom."""

from collections.abc import Callable

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from app.config import Settings
from app.web import create_app
from app.web.resources import resources_of
from tests.support.front_door import Caller

ELSEWHERE = {"REMOTE_ADDR": "203.0.113.7"}


def value_of(flask: Flask, name: str, **labels: str) -> float:
    """Return the value of the sample *name* with *labels*, 0 when there is none."""
    text = flask.test_client().get("/metrics").text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return next((each.value for each in samples if each.name == name and each.labels == labels), 0.0)


def pairs(*names: str) -> dict[str, list[dict[str, dict[str, str]]]]:
    """Return a request that merges profiles into one."""
    return {
        "merge_updates": [
            {"identifier_to_merge": {"external_id": name}, "identifier_to_keep": {"external_id": "kept"}}
            for name in names
        ]
    }


def test_this_machine_needs_no_key(front_door: Flask) -> None:
    before = value_of(front_door, "mergelane_http_requests_total", status="200")
    answer = front_door.test_client().get("/metrics")

    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain")
    assert value_of(front_door, "mergelane_http_requests_total", status="200") == before + 2


@pytest.mark.parametrize(
    "header",
    [
        "Forwarded",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-FORWARDED-SERVER",
        "X-Forwarded-Client-Cert",
        "X-Real-IP",
        "Via",
        "X-Envoy-External-Address",
        "X-Original-URI",
        "CF-Connecting-IP",
        "True-Client-IP",
    ],
)
def test_somebody_behind_a_proxy_on_this_machine_needs_one(front_door: Flask, header: str) -> None:
    assert front_door.test_client().get("/metrics", headers={header: "203.0.113.7"}).status_code == 401


@pytest.mark.parametrize("host", ["merge.example.org", "web:8000", "10.1.2.3:8000", "localhost.evil", "[::1"])
def test_a_proxy_that_adds_no_header_passes_on_a_host_that_needs_one(settings: Settings, host: str) -> None:
    flask = create_app(Settings(database_url=settings.database_url, allowed_hosts=frozenset({"merge.example.org"})))

    assert flask.test_client().get("/metrics", headers={"Host": host}).status_code == 401


def test_a_proxy_that_adds_no_header_and_speaks_an_older_http_needs_one(front_door: Flask) -> None:
    older = {"SERVER_PROTOCOL": "HTTP/1.0"}

    assert front_door.test_client().get("/metrics", environ_overrides=older).status_code == 401


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:8000", "127.1.2.3", "[::1]:8000"])
def test_this_machine_by_any_of_its_own_names_needs_no_key(front_door: Flask, host: str) -> None:
    assert front_door.test_client().get("/metrics", headers={"Host": host}).status_code == 200


def test_a_page_of_another_site_needs_one(front_door: Flask, make_caller: Callable[..., Caller]) -> None:
    client, rebound = front_door.test_client(), {"Host": "evil.example.com:8000"}
    key = {"Authorization": f"Bearer {make_caller(permissions=['metrics.read']).secret}"}

    assert client.get("/metrics", headers=rebound).status_code == 401
    assert client.get("/metrics", headers=rebound | key).status_code == 200


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
    name = "mergelane_rate_limits_uncounted_requests_total"
    try:
        before = value_of(flask, name)
        answer = flask.test_client().get("/merge/jobs", headers={"Authorization": f"Bearer {caller.secret}"})
        after = value_of(flask, name)
    finally:
        resources_of(flask).close()

    assert answer.status_code == 200
    assert after == before + 1


def test_what_waits_is_told_by_workspace(front_door: Flask, caller: Caller) -> None:
    caller.post("/users/merge", pairs("a", "b", "c"))
    workspace = str(caller.workspace_id)

    assert value_of(front_door, "mergelane_ledger_readable") == 1
    assert value_of(front_door, "mergelane_jobs", workspace_id=workspace, state="queued") == 3
    assert value_of(front_door, "mergelane_jobs", workspace_id=workspace, state="dead") == 0
    assert 0 < value_of(front_door, "mergelane_oldest_waiting_job_age_seconds", workspace_id=workspace) < 60
    assert value_of(front_door, "mergelane_workspaces_with_jobs") >= 1


def test_the_ledger_is_not_looked_at_for_every_scrape(front_door: Flask, caller: Caller) -> None:
    workspace = str(caller.workspace_id)
    caller.post("/users/merge", pairs("a"))
    before = value_of(front_door, "mergelane_jobs", workspace_id=workspace, state="queued")
    caller.post("/users/merge", pairs("b"))

    assert before == 1
    assert value_of(front_door, "mergelane_jobs", workspace_id=workspace, state="queued") == 1


def test_metrics_are_told_while_postgres_is_away() -> None:
    flask = create_app(Settings(database_url="postgresql://127.0.0.1:1/nobody", pool_timeout_s=0.2))
    try:
        answer = flask.test_client().get("/metrics")
        failed = value_of(flask, "mergelane_pool_failures_total")
        readable = value_of(flask, "mergelane_ledger_readable")
    finally:
        resources_of(flask).close()

    assert answer.status_code == 200
    assert "mergelane_oldest_waiting_job_age_seconds" not in answer.text
    assert failed >= 1
    assert readable == 0


def test_answers_are_measured_by_method_route_and_class_of_status(front_door: Flask, caller: Caller) -> None:
    labels = {"method": "GET", "route": "/merge/batches/<uuid:batch_id>", "status": "4xx"}
    name = "mergelane_http_request_duration_seconds_count"
    before = value_of(front_door, name, **labels)
    caller.get("/merge/batches/0190163d-8694-739b-aea5-966c26f8ad90")

    assert value_of(front_door, name, **labels) == before + 1


def test_the_time_that_a_client_wished_to_wait_is_not_measured_as_ours(front_door: Flask, caller: Caller) -> None:
    labels = {"method": "POST", "route": "/users/merge", "status": "2xx"}
    name = "mergelane_http_request_duration_seconds_sum"
    before = value_of(front_door, name, **labels)
    answer = caller.post("/users/merge", pairs("a"), headers={"Prefer": "wait=1"})

    assert answer.headers["Preference-Applied"] == "wait=1"
    assert value_of(front_door, name, **labels) < before + 1


def test_accepted_jobs_are_counted_once_however_often_they_are_sent(front_door: Flask, caller: Caller) -> None:
    before = value_of(front_door, "mergelane_accepted_jobs_total", kind="merge")
    for _ in range(2):
        caller.post("/users/merge", pairs("a", "b"), headers={"Idempotency-Key": "once"})

    assert value_of(front_door, "mergelane_accepted_jobs_total", kind="merge") == before + 2


def test_no_connection_is_in_use_after_a_request(front_door: Flask, caller: Caller) -> None:
    caller.get("/merge/jobs")

    assert value_of(front_door, "mergelane_pool_connections_used") == 0
    assert value_of(front_door, "mergelane_pool_waiting") == 0
    assert value_of(front_door, "mergelane_pool_connections_limit") == Settings().pool_size
