"""The metrics of the web server, and the key that `GET /metrics` needs."""

from collections.abc import Callable

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from app.config import Settings
from app.metrics.exposition import expose
from app.web import create_app
from app.web.metrics import metric_sources
from app.web.resources import resources_of
from tests.support.flask_caller import Caller


def value_of(flask: Flask, name: str, **labels: str) -> float:
    """Return the value of the sample *name* with *labels*, or 0 if there is none."""
    text = expose(*metric_sources(flask)).decode()
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


def test_metrics_need_a_key_with_metrics_read(flask_app: Flask, make_caller: Callable[..., Caller]) -> None:
    may = make_caller(permissions=("metrics.read",))
    before = value_of(flask_app, "mergelane_http_requests_total", status="200")
    answer = may.get("/metrics")

    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain")
    assert "mergelane_http_requests_total" in answer.text
    assert value_of(flask_app, "mergelane_http_requests_total", status="200") == before + 1
    assert make_caller(permissions=("users.merge",)).get("/metrics").status_code == 403


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "[::1]:8000", "merge.example.org", "evil.example.com"])
@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "", "203.0.113.7"])
def test_no_request_without_a_key_reads_the_metrics(flask_app: Flask, host: str, address: str) -> None:
    answer = flask_app.test_client().get("/metrics", headers={"Host": host}, environ_base={"REMOTE_ADDR": address})

    assert answer.status_code == 401
    assert answer.json == {"message": "Invalid API key"}


def test_requests_without_a_rate_limit_check_are_counted(caller: Caller, database_url: str) -> None:
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


def test_waiting_jobs_are_counted_by_workspace(flask_app: Flask, caller: Caller) -> None:
    caller.post("/users/merge", pairs("a", "b", "c"))
    workspace = str(caller.workspace_id)

    assert value_of(flask_app, "mergelane_ledger_readable") == 1
    assert value_of(flask_app, "mergelane_jobs", workspace_id=workspace, state="queued") == 3
    assert value_of(flask_app, "mergelane_jobs", workspace_id=workspace, state="dead") == 0
    assert 0 < value_of(flask_app, "mergelane_oldest_waiting_job_age_seconds", workspace_id=workspace) < 60
    assert value_of(flask_app, "mergelane_workspaces_with_jobs") >= 1


def test_the_counts_of_jobs_are_cached_between_scrapes(flask_app: Flask, caller: Caller) -> None:
    workspace = str(caller.workspace_id)
    caller.post("/users/merge", pairs("a"))
    before = value_of(flask_app, "mergelane_jobs", workspace_id=workspace, state="queued")
    caller.post("/users/merge", pairs("b"))

    assert before == 1
    assert value_of(flask_app, "mergelane_jobs", workspace_id=workspace, state="queued") == 1


def test_metrics_are_returned_while_postgres_is_unavailable() -> None:
    flask = create_app(Settings(database_url="postgresql://127.0.0.1:1/nobody", pool_timeout_s=0.2))
    try:
        text = expose(*metric_sources(flask)).decode()
        failed = value_of(flask, "mergelane_pool_failures_total")
        readable = value_of(flask, "mergelane_ledger_readable")
    finally:
        resources_of(flask).close()

    assert "mergelane_http_requests_total" in text
    assert "mergelane_oldest_waiting_job_age_seconds" not in text
    assert failed >= 1
    assert readable == 0


def test_responses_are_measured_by_method_route_and_class_of_status(flask_app: Flask, caller: Caller) -> None:
    labels = {"method": "GET", "route": "/merge/batches/<uuid:batch_id>", "status": "4xx"}
    name = "mergelane_http_request_duration_seconds_count"
    before = value_of(flask_app, name, **labels)
    caller.get("/merge/batches/0190163d-8694-739b-aea5-966c26f8ad90")

    assert value_of(flask_app, name, **labels) == before + 1


def test_the_wait_that_a_client_requests_is_not_measured(flask_app: Flask, caller: Caller) -> None:
    labels = {"method": "POST", "route": "/users/merge", "status": "2xx"}
    name = "mergelane_http_request_duration_seconds_sum"
    before = value_of(flask_app, name, **labels)
    answer = caller.post("/users/merge", pairs("a"), headers={"Prefer": "wait=1"})

    assert answer.headers["Preference-Applied"] == "wait=1"
    assert value_of(flask_app, name, **labels) < before + 1


def test_accepted_jobs_of_repeated_requests_are_counted_once(flask_app: Flask, caller: Caller) -> None:
    before = value_of(flask_app, "mergelane_accepted_jobs_total", kind="merge")
    for _ in range(2):
        caller.post("/users/merge", pairs("a", "b"), headers={"Idempotency-Key": "once"})

    assert value_of(flask_app, "mergelane_accepted_jobs_total", kind="merge") == before + 2


def test_no_connection_is_in_use_after_a_request(flask_app: Flask, caller: Caller) -> None:
    caller.get("/merge/jobs")

    assert value_of(flask_app, "mergelane_pool_connections_used") == 0
    assert value_of(flask_app, "mergelane_pool_waiting") == 0
    assert value_of(flask_app, "mergelane_pool_connections_limit") == Settings().pool_size
