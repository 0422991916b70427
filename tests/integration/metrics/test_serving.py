"""The HTTP server for the metrics of a process."""

import socket
from collections.abc import Iterator

import pytest
import requests

from app.metrics import listener
from app.metrics.serving import MetricsServer, serve_metrics
from app.metrics.worker import WORKER
from tests.support.processes import free_port
from tests.support.waiting import wait_until


def test_metrics_are_served_while_the_block_runs() -> None:
    address = f"127.0.0.1:{free_port()}"
    with serve_metrics(address, *WORKER):
        text = requests.get(f"http://{address}/metrics", timeout=10).text

    assert "mergelane_job_attempts_total" in text
    assert "mergelane_pool_waiting" in text
    assert "process_cpu_seconds_total" in text
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://{address}/metrics", timeout=10)


def test_without_an_address_no_server_starts() -> None:
    MetricsServer("").close()


def test_a_metrics_address_in_use_is_logged_and_raises_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        MetricsServer(f"127.0.0.1:{taken.getsockname()[1]}").close()

    assert [record.message for record in caplog.records] == ["metrics_not_served"]


def test_an_impossible_port_is_logged_too(caplog: pytest.LogCaptureFixture) -> None:
    MetricsServer("127.0.0.1:99999").close()

    assert [record.message for record in caplog.records] == ["metrics_not_served"]


def is_served(address: str) -> bool:
    """Return whether the metrics are served at *address*."""
    try:
        return requests.get(f"http://{address}/metrics", timeout=5).status_code == requests.codes.ok
    except requests.ConnectionError:
        return False


@pytest.fixture
def address() -> Iterator[str]:
    address = f"127.0.0.1:{free_port()}"
    with serve_metrics(address, *WORKER):
        yield address


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:9464", "[::1]:9464"])
def test_a_listener_on_loopback_is_read_under_names_of_loopback(address: str, host: str) -> None:
    assert requests.get(f"http://{address}/metrics", headers={"Host": host}, timeout=10).status_code == 200


@pytest.mark.parametrize("host", ["evil.example.com", "evil.example.com:9464", "localhost.evil", "web:9464", "[::1"])
def test_a_website_whose_name_resolves_to_loopback_cannot_read_the_metrics(address: str, host: str) -> None:
    answer = requests.get(f"http://{address}/metrics", headers={"Host": host}, timeout=10)

    assert answer.status_code == 421
    assert "mergelane" not in answer.text


def test_a_listener_on_a_network_is_read_under_any_name() -> None:
    port = free_port()
    with serve_metrics(f"0.0.0.0:{port}", *WORKER):
        answer = requests.get(f"http://127.0.0.1:{port}/metrics", headers={"Host": "relay:9464"}, timeout=10)

    assert answer.status_code == 200


def test_metrics_are_served_at_an_address_of_ipv6() -> None:
    address = f"[::1]:{free_port()}"
    with serve_metrics(address, *WORKER):
        assert requests.get(f"http://{address}/metrics", timeout=10).status_code == 200


def test_connections_beyond_the_limit_are_closed(address: str) -> None:
    host, _, port = address.partition(":")
    silent = [socket.create_connection((host, int(port)), timeout=5) for _ in range(listener.CONNECTIONS)]
    try:
        with socket.create_connection((host, int(port)), timeout=5) as further:
            end = further.recv(1)
    finally:
        for client in silent:
            client.close()

    assert end == b""
    wait_until(lambda: is_served(address), what="the metrics")


def test_a_connection_without_a_request_ends(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "TIMEOUT_S", 0.2)
    host, _, port = address.partition(":")
    with socket.create_connection((host, int(port)), timeout=5) as silent:
        assert silent.recv(1) == b""
