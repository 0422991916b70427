"""The web server behind real nginx and HAProxy with the examples in deploy/."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.flask_caller import Caller
from tests.support.processes import free_port
from tests.support.proxies import DEPLOY, running_haproxy, running_nginx, web_server


class Proxy:
    """A running proxy with the three ports of an example."""

    def __init__(self, ports: Sequence[int]) -> None:
        self.root, self.prefixed, self.rewritten = (f"http://127.0.0.1:{port}" for port in ports)


@pytest.fixture(scope="module")
def trusting_web(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Iterator[int]:
    """The port of a web server that trusts proxies on this machine."""
    with web_server(tmp_path_factory.mktemp("web"), database_url, MERGELANE_TRUSTED_PROXIES="127.0.0.0/8, ::1") as port:
        yield port


def _example(path: Path, *, web: int, ports: Sequence[int]) -> str:
    """Return the example at *path* with the ports of this test."""
    text = path.read_text()
    for port, replacement in zip((8000, 8080, 8081, 8082), (web, *ports), strict=True):
        assert re.search(rf"127\.0\.0\.1:{port}\b", text)
        text = re.sub(rf"127\.0\.0\.1:{port}\b", f"127.0.0.1:{replacement}", text)
    return text


@contextmanager
def nginx(folder: Path, *, web: int) -> Iterator[Proxy]:
    ports = [free_port() for _ in range(3)]
    text = _example(DEPLOY / "nginx/mergelane.conf", web=web, ports=ports)
    proxy = Proxy(ports)
    with running_nginx(folder, "mergelane.conf", text, url=f"{proxy.root}/health/ready"):
        yield proxy


@contextmanager
def haproxy(folder: Path, *, web: int) -> Iterator[Proxy]:
    ports = [free_port() for _ in range(3)]
    text = _example(DEPLOY / "haproxy/mergelane.cfg", web=web, ports=ports)
    proxy = Proxy(ports)
    with running_haproxy(folder, "haproxy.cfg", text, url=f"{proxy.root}/health/ready"):
        yield proxy


@pytest.fixture(scope="module", params=[nginx, haproxy], ids=["nginx", "haproxy"])
def proxy(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, trusting_web: int
) -> Iterator[Proxy]:
    """A proxy in front of a web server that trusts it."""
    with request.param(tmp_path_factory.mktemp("proxy"), web=trusting_web) as running:
        yield running


def sign_in(url: str, caller: Caller, *, host: str) -> requests.Response:
    """Sign in to the console like a browser at *host* over plain HTTP and return the response."""
    headers = {"Host": host, "Origin": f"http://{host}"}
    data = {"key": caller.secret}
    return requests.post(f"{url}/console/sign-in", data=data, headers=headers, allow_redirects=False, timeout=10)


def merge(url: str, caller: Caller, **headers: str) -> requests.Response:
    given: dict[str, Any] = {"merge_updates": []}
    key = {"Authorization": f"Bearer {caller.secret}", **headers}
    return requests.post(f"{url}/users/merge", json=given, headers=key, timeout=10)


def test_a_proxy_can_serve_mergelane_on_its_own_host(proxy: Proxy, caller: Caller) -> None:
    accepted = merge(proxy.root, caller)
    polled = requests.get(
        proxy.root + accepted.headers["Location"], headers={"Authorization": f"Bearer {caller.secret}"}, timeout=10
    )
    signed_in = sign_in(proxy.root, caller, host="merge.corp")

    assert (accepted.status_code, polled.status_code) == (202, 200)
    assert (signed_in.status_code, signed_in.headers["Location"]) == (303, "/console")
    assert requests.get(f"{proxy.root}/metrics", timeout=10).status_code == 401


def test_a_proxy_can_serve_mergelane_at_a_path(proxy: Proxy, caller: Caller) -> None:
    base = f"{proxy.prefixed}/mergelane"
    key = {"Authorization": f"Bearer {caller.secret}"}
    accepted = merge(base, caller)
    page = requests.get(f"{base}/console", allow_redirects=False, timeout=10)
    signed_in = sign_in(base, caller, host="tools.corp:8443")
    document = requests.get(f"{base}/openapi.json", timeout=10).json()
    home = requests.get(
        f"{base}/console", headers={"Cookie": signed_in.headers["Set-Cookie"].partition(";")[0]}, timeout=10
    )

    assert accepted.headers["Location"] == f"/mergelane{accepted.json()['status_url']}"
    assert requests.get(proxy.prefixed + accepted.headers["Location"], headers=key, timeout=10).status_code == 200
    assert requests.get(base + accepted.json()["status_url"], headers=key, timeout=10).status_code == 200
    assert page.headers["Location"] == "/mergelane/console/sign-in"
    assert (signed_in.status_code, signed_in.headers["Location"]) == (303, "/mergelane/console")
    assert "Path=/mergelane/console" in signed_in.headers["Set-Cookie"]
    assert document["servers"] == [{"url": "/mergelane"}]
    links = re.findall(r'(?:href|src|action|hx-get|hx-post)="(/[^"]*)"', home.text)
    assert links
    assert {link for link in links if not link.startswith("/mergelane/")} == set()


def test_a_proxy_can_rewrite_the_host(proxy: Proxy, caller: Caller) -> None:
    signed_in = sign_in(proxy.rewritten, caller, host="merge.corp:8443")
    foreign = requests.post(
        f"{proxy.rewritten}/console/sign-in",
        data={"key": caller.secret},
        headers={"Host": "merge.corp", "Origin": "http://evil.example"},
        timeout=10,
    )

    assert (signed_in.status_code, signed_in.headers["Location"]) == (303, "/console")
    assert foreign.status_code == 403


def test_forwarded_headers_of_a_client_are_ignored(proxy: Proxy, caller: Caller) -> None:
    accepted = merge(proxy.root, caller, **{"X-Forwarded-Prefix": "/elsewhere", "X-Forwarded-Host": "evil.example"})

    assert accepted.headers["Location"] == accepted.json()["status_url"]


@pytest.mark.parametrize("start", [nginx, haproxy], ids=["nginx", "haproxy"])
def test_headers_of_an_untrusted_proxy_are_ignored_and_the_console_names_the_setting(
    tmp_path: Path, database_url: str, caller: Caller, start: Any
) -> None:
    with web_server(tmp_path / "web", database_url) as web, start(tmp_path, web=web) as proxy:
        refused = sign_in(proxy.rewritten, caller, host="merge.corp")
        accepted = merge(f"{proxy.prefixed}/mergelane", caller)

    assert refused.status_code == 403
    assert "X-Forwarded-Host" in refused.text
    assert "MERGELANE_TRUSTED_PROXIES" in refused.text
    assert accepted.headers["Location"] == accepted.json()["status_url"]


@pytest.mark.parametrize("prefix", ["//evil.example", "https://evil.example", "/a b", "evil", "/a//b"])
def test_a_prefix_that_could_name_another_host_is_ignored(trusting_web: int, caller: Caller, prefix: str) -> None:
    accepted = merge(f"http://127.0.0.1:{trusting_web}", caller, **{"X-Forwarded-Prefix": prefix})

    assert accepted.headers["Location"] == accepted.json()["status_url"]
