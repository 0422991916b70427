"""The metrics of the web server on a separate port: one process serves them for all, and another takes over."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import psutil
import pytest
import requests

from app.web.server.metrics_turn import LOGGED_ATTEMPT, RETRY_S
from cli.up import commands
from tests.support.flask_caller import Caller
from tests.support.processes import Process, free_port
from tests.support.waiting import wait_until

SAMPLES = ("mergelane_http_requests_total", "mergelane_shares_used", "mergelane_pool_connections_limit")


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def metrics_port() -> int:
    return free_port()


@contextmanager
def running_web(folder: Path, database_url: str, port: int, metrics_port: int) -> Iterator[Process]:
    """Run a web server of two processes until the block ends."""
    environ = {
        "DATABASE_URL": database_url,
        "MERGELANE_WEB_PROCESSES": "2",
        "MERGELANE_LOG_FORMAT": "text",
        "MERGELANE_METRICS_ADDRESS": f"127.0.0.1:{metrics_port}",
    }
    process = Process.of("web", commands.web(host="127.0.0.1", port=port), folder=folder, environ=environ).start()
    try:
        wait_until(lambda: answered(f"http://127.0.0.1:{port}/health/live") is not None, what="web")
        yield process
    finally:
        process.stop(seconds=15)


def answered(url: str) -> str | None:
    """Return the text at *url*, or None if there is no response."""
    try:
        return requests.get(url, timeout=5).text
    except requests.RequestException:
        return None


def listening_pid(web: Process, port: int) -> int | None:
    """Return the id of the process of *web* that listens on *port*, or None."""
    for child in psutil.Process(web.pid).children():
        try:
            listeners = [each.laddr.port for each in child.net_connections() if each.status == psutil.CONN_LISTEN]
        except psutil.NoSuchProcess:
            continue
        if port in listeners:
            return child.pid
    return None


def test_another_process_serves_the_metrics_after_the_serving_one_is_killed(
    tmp_path: Path, database_url: str, port: int, metrics_port: int, caller: Caller
) -> None:
    url = f"http://127.0.0.1:{metrics_port}/metrics"
    with running_web(tmp_path, database_url, port, metrics_port) as web:
        wait_until(lambda: answered(url) is not None, what="the metrics")
        for _ in range(5):
            requests.get(f"http://127.0.0.1:{port}/merge/jobs", timeout=10)
        text = answered(url) or ""
        first = listening_pid(web, metrics_port)
        assert first is not None
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: listening_pid(web, metrics_port) not in (None, first), seconds=10, what="another process")
        after = answered(url) or ""
        keyless = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=10)
        key = {"Authorization": f"Bearer {caller.secret}"}
        keyed = requests.get(f"http://127.0.0.1:{port}/metrics", headers=key, timeout=10)
        log = web.log

    assert [name for name in SAMPLES if name not in text or name not in after] == []
    assert 'mergelane_http_requests_total{status="401"} 5.0' in text
    assert 'mergelane_http_requests_total{status="401"} 5.0' in after
    assert "mergelane_ledger_readable 1.0" in after
    assert (keyless.status_code, keyed.status_code) == (401, 200)
    assert "metrics_not_served" not in log


def test_a_port_in_use_is_logged_once_and_served_when_it_becomes_free(
    tmp_path: Path, database_url: str, port: int, metrics_port: int
) -> None:
    url = f"http://127.0.0.1:{metrics_port}/metrics"
    with (
        socket.create_server(("127.0.0.1", metrics_port)) as taken,
        running_web(tmp_path, database_url, port, metrics_port) as web,
    ):
        wait_until(lambda: web.log.count("Booting worker") == 2, what="both processes")
        began = monotonic()
        web.says("metrics_not_served")
        wait_until(lambda: monotonic() - began > RETRY_S * (LOGGED_ATTEMPT + 1), what="the time for a second line")
        works = requests.get(f"http://127.0.0.1:{port}/health/ready", timeout=10).status_code
        taken.close()
        wait_until(lambda: answered(url) is not None, seconds=10, what="the metrics")
        log = web.log

    assert works == 200
    assert log.count("metrics_not_served") == 1
    assert f"127.0.0.1:{metrics_port}" in log
