"""Metrics, logs and traces of the running product, from one POST to its outcomes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson
import psycopg
import pytest
import requests
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from cli.up import commands
from tests.project.tree import text_of
from tests.support.client import Client
from tests.support.collector import Collector
from tests.support.postgres import Databases
from tests.support.processes import Process, free_port
from tests.support.redis import RedisServer
from tests.support.system import System
from tests.support.waiting import wait_until

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TRACE_ID, CALLER_ID = PARENT.split("-")[1:3]
REQUEST_ID = "watched-7c2f"
SECTIONS = {"web": "web", "worker": "Workers", "relay": "Relay"}


@dataclass(frozen=True)
class Watched:
    """A running system, the URLs of its metrics, the collector of its traces, and the batch of one POST."""

    system: System
    metrics: dict[str, str]
    collector: Collector
    batch: dict[str, Any]

    def scrape(self, process: str) -> dict[str, Metric]:
        """Return the metrics of *process* by their names in docs/metrics.md."""
        answer = requests.get(self.metrics[process], timeout=10)
        answer.raise_for_status()
        families = text_string_to_metric_families(answer.text)
        return {family.name + ("_total" if family.type == "counter" else ""): family for family in families}

    def value(self, process: str, name: str, **labels: str) -> float:
        """Return the value of a sample of *process*."""
        samples = [sample for family in self.scrape(process).values() for sample in family.samples]
        (value,) = [each.value for each in samples if each.name == name and each.labels == labels]
        return value


@pytest.fixture(scope="module")
def watched(
    tmp_path_factory: pytest.TempPathFactory, databases: Databases, session_redis: RedisServer
) -> Iterator[Watched]:
    """A system with JSON logs, metrics and traces, after it has finished the jobs of one request."""
    name, collector = databases.create(), Collector()
    session_redis.flush()
    ports = {name: free_port() for name in SECTIONS}
    environ = {
        "MERGELANE_LOG_FORMAT": "json",
        "MERGELANE_LOG_LEVEL": "DEBUG",
        "MERGELANE_METRICS_ADDRESS": f"127.0.0.1:{ports['web']}",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }
    system = System(
        tmp_path_factory.mktemp("watched"),
        database_url=databases.url(name),
        broker_url=session_redis.url,
        environ=environ,
    )
    # Each process gets the settings at the time of its creation.
    system.environ["MERGELANE_METRICS_ADDRESS"] = f"127.0.0.1:{ports['relay']}"
    system.relay = system.process("relay", commands.relay())
    system.environ["MERGELANE_METRICS_ADDRESS"] = f"127.0.0.1:{ports['worker']}"
    try:
        system.start()
        batch = merged(system.client)
        leave_a_dead_job(system)
        metrics = {name: f"http://127.0.0.1:{port}/metrics" for name, port in ports.items()}
        yield Watched(system, metrics, collector, batch)
    finally:
        system.stop()
        collector.close()
        databases.drop(name)


def merged(client: Client) -> dict[str, Any]:
    """Send a request with its own id and trace; return its batch after both jobs have ended."""
    client.track(attributes=[{"external_id": name} for name in ("a", "b")])
    batch_id = client.merge([("a", "b"), ("nobody", "b")], X_Request_Id=REQUEST_ID, traceparent=PARENT)
    return client.finished(batch_id)


def leave_a_dead_job(system: System) -> None:
    """Make a job dead, so that the metrics of unfinished jobs count one."""
    client = system.new_client()
    (job,) = client.finished(client.merge([("nobody", "else")]))["jobs"]
    with psycopg.connect(system.database_url) as connection:
        connection.execute("UPDATE job SET state = 'dead', outcome = NULL WHERE id = %s", [job["job_id"]])


def lines_of(process: Process, message: str) -> list[dict[str, Any]]:
    """Return the lines with *message* that *process* logged about the watched request."""
    found = [orjson.loads(line) for line in process.log.splitlines() if line.startswith("{") and REQUEST_ID in line]
    return [line for line in found if line["message"] == message]


def documented(section: str) -> dict[str, tuple[str, set[str]]]:
    """Return the type and labels of each metric in a section of docs/metrics.md."""
    text = text_of("docs/metrics.md").partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?) ?\| ", text, re.MULTILINE)
    return {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}


def exposed(families: dict[str, Metric]) -> dict[str, tuple[str, set[str]]]:
    """Return the type and labels of each of our metrics of a process."""
    ours = {name: family for name, family in families.items() if name.startswith("mergelane_")}
    labels = {name: {label for sample in family.samples for label in sample.labels} for name, family in ours.items()}
    # These metrics have no series, and so no labels, while no process waits and no queue is paused.
    labels["mergelane_server_waiting"] |= {"server", "cause"}
    if "mergelane_queue_paused" in labels:
        labels["mergelane_queue_paused"] |= {"workspace_id"}
    return {name: (family.type, labels[name] - {"le"}) for name, family in ours.items()}


@pytest.mark.parametrize("process", SECTIONS)
def test_the_document_lists_the_metrics_of_each_process(watched: Watched, process: str) -> None:
    assert exposed(watched.scrape(process)) == documented(SECTIONS[process]) | documented("Every process")


def test_names_follow_the_conventions_of_prometheus(watched: Watched) -> None:
    for process in SECTIONS:
        for name, family in watched.scrape(process).items():
            assert family.documentation, name
            assert (family.type == "counter") == name.endswith("_total"), name
            assert not re.search(r"_(ms|minutes|hours|kb|mb)\b", name), name


@pytest.mark.parametrize("process", ["relay", "worker"])
def test_processes_export_their_processor_time(watched: Watched, process: str) -> None:
    assert watched.value(process, "process_cpu_seconds_total") > 0


def test_a_worker_counts_jobs_by_outcome_and_measures_them_from_their_acceptance(watched: Watched) -> None:
    assert watched.value("worker", "mergelane_jobs_finished_total", kind="merge", outcome="merged") == 1
    assert watched.value("worker", "mergelane_jobs_finished_total", kind="merge", outcome="orphan_not_found") == 2
    assert watched.value("worker", "mergelane_job_attempts_total") == 3
    assert watched.value("worker", "mergelane_job_duration_seconds_count", kind="merge") == 3
    assert 0 < watched.value("worker", "mergelane_job_duration_seconds_sum", kind="merge") < 60
    assert watched.value("worker", "mergelane_lane_jobs_sum") == 3


def test_the_relay_counts_published_jobs_and_reports_the_time_of_its_last_round(watched: Watched) -> None:
    before = watched.value("relay", "mergelane_relay_last_round_timestamp_seconds", service="relay")

    assert watched.value("relay", "mergelane_published_jobs_total") == 3
    wait_until(
        lambda: watched.value("relay", "mergelane_relay_last_round_timestamp_seconds", service="relay") > before,
        what="another round",
    )


def test_labels_of_metrics_identify_no_profile(watched: Watched) -> None:
    labels = {
        label
        for process in SECTIONS
        for family in watched.scrape(process).values()
        for sample in family.samples
        for label in sample.labels
    }

    assert labels <= {
        "cause", "cell", "kind", "le", "method", "next", "outcome", "reason", "resource", "result", "route", "service",
        "state", "status", "workspace_id",
    }  # fmt: skip


def test_all_logs_from_the_post_to_the_outcome_contain_the_request_id(watched: Watched) -> None:
    system, batch = watched.system, watched.batch
    (worker,) = system.workers
    (answered,) = lines_of(system.web, "request_answered")
    published = lines_of(system.relay, "lane_published")
    begun = lines_of(worker, "job_begun")
    finished = lines_of(worker, "job_finished")
    done = lines_of(worker, "lane_done")

    assert (answered["route"], answered["status"]) == ("/users/merge", 202)
    assert answered["batch_id"] == batch["batch_id"]
    assert {task for line in published for task in [line["task_id"]]} == {line["task_id"] for line in done}
    assert all(line["request_ids"] == [REQUEST_ID] for line in [*published, *done])
    assert {line["job_id"] for line in begun} == {job["job_id"] for job in batch["jobs"]}
    assert {line["outcome"] for line in finished} == {"merged", "orphan_not_found"}
    assert all(line["request_id"] == REQUEST_ID for line in [*begun, *finished, *done])


def test_the_batch_and_its_jobs_have_the_request_id(watched: Watched) -> None:
    job_id = watched.batch["jobs"][0]["job_id"]

    assert watched.batch["request_id"] == REQUEST_ID
    assert {job["request_id"] for job in watched.batch["jobs"]} == {REQUEST_ID}
    assert watched.system.client.get(f"/merge/jobs/{job_id}").json()["request_id"] == REQUEST_ID


def test_one_trace_contains_all_spans_from_the_post_to_the_outcome(watched: Watched) -> None:
    collector = watched.collector
    wait_until(lambda: len(collector.named("job", TRACE_ID)) == 2, what="the spans of both jobs")
    wait_until(lambda: collector.named("publish lane", TRACE_ID), what="the span of the relay")
    wait_until(lambda: collector.named("lane", TRACE_ID), what="the span of the lane")
    (post,) = collector.named("POST /users/merge", TRACE_ID)
    jobs = collector.named("job", TRACE_ID)
    further = [*collector.named("publish lane", TRACE_ID), *collector.named("lane", TRACE_ID), *jobs]

    assert (post.service, post.parent_id) == ("mergelane-web", CALLER_ID)
    assert post.attributes["http.response.status_code"] == "202"
    assert post.attributes["mergelane.request_id"] == REQUEST_ID
    assert {span.parent_id for span in further} == {post.span_id}
    assert {span.service for span in further} == {"mergelane-relay", "mergelane-worker"}
    assert {span.attributes["mergelane.outcome"] for span in jobs} == {"merged", "orphan_not_found"}
    assert all(post.began <= span.ended and span.began <= span.ended for span in further)
    assert not any(span.failed for span in [post, *further])


def test_traces_contain_no_identifier_of_a_profile(watched: Watched) -> None:
    wait_until(lambda: len(watched.collector.named("job", TRACE_ID)) == 2, what="the spans of both jobs")
    values = {value for span in watched.collector.spans for value in span.attributes.values()}

    assert values.isdisjoint({"a", "b", "nobody", "else"})
    assert {name.partition(".")[0] for span in watched.collector.spans for name in span.attributes} == {
        "http",
        "mergelane",
    }
