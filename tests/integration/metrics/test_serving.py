"""The server of a process's metrics."""

import socket

import pytest
import requests

from app.metrics.serving import MetricsServer, serve_metrics
from app.metrics.worker import WORKER
from tests.support.processes import free_port


def test_metrics_are_shown_for_as_long_as_the_block_takes() -> None:
    address = f"127.0.0.1:{free_port()}"
    with serve_metrics(address, *WORKER):
        text = requests.get(f"http://{address}/metrics", timeout=10).text

    assert "mergelane_job_attempts_total" in text
    assert "mergelane_pool_waiting" in text
    assert "process_cpu_seconds_total" in text
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://{address}/metrics", timeout=10)


def test_without_an_address_nobody_listens() -> None:
    MetricsServer("").close()


def test_a_process_whose_address_is_taken_says_so_and_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        MetricsServer(f"127.0.0.1:{taken.getsockname()[1]}").close()

    assert [record.message for record in caplog.records] == ["metrics_not_served"]


def test_a_port_that_there_cannot_be_is_told_likewise(caplog: pytest.LogCaptureFixture) -> None:
    MetricsServer("127.0.0.1:99999").close()

    assert [record.message for record in caplog.records] == ["metrics_not_served"]
