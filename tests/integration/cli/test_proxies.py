"""No request to this machine goes through a proxy. Messages name a proxy without its password."""

from collections.abc import Callable

import pytest

from cli.client import Client, Unanswered
from cli.proxies import find_proxy, names_this_machine
from tests.support.processes import free_port
from tests.support.stage import Stage

FINE = (200, {}, b"{}")


@pytest.fixture(autouse=True)
def no_other_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unset the proxy variables of this machine."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        for each in (name, name.upper()):
            monkeypatch.delenv(each, raising=False)


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_requests_to_this_machine_use_no_proxy(
    stage: Callable[..., Stage], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    proxy, server = stage(), stage(FINE, FINE)
    monkeypatch.setenv(name, proxy.url)
    for url in (server.url, server.url.replace("127.0.0.1", "localhost")):
        client = Client(url, "a-key")
        assert client.request("GET", "/x").status == 200
        client.close()

    assert proxy.asked == []


def test_requests_to_another_machine_use_the_proxy(
    stage: Callable[..., Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = stage(FINE)
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    client = Client("http://merge.example", "a-key")
    assert client.request("GET", "/x").status == 200
    client.close()

    assert [path for _, path, _ in proxy.asked] == ["http://merge.example/x"]


@pytest.mark.parametrize(("scheme", "name"), [("http", "HTTP_PROXY"), ("https", "HTTPS_PROXY"), ("http", "ALL_PROXY")])
def test_a_proxy_that_fails_is_named_without_its_password(
    monkeypatch: pytest.MonkeyPatch, scheme: str, name: str
) -> None:
    port = free_port()
    monkeypatch.setenv(name, f"http://someone:secret@127.0.0.1:{port}")
    client = Client(f"{scheme}://merge.example", "a-key")
    with pytest.raises(Unanswered) as caught:
        client.request("GET", "/x")
    client.close()

    assert str(caught.value) == (
        f"The proxy 127.0.0.1:{port} in {name} does not let the request through."
        " Correct the variable of the proxy, or add the host of Mergelane to NO_PROXY."
    )
    assert not caught.value.maybe_done


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("http://127.0.0.1:8000", True),
        ("http://127.9.9.9", True),
        ("http://[::1]:8000", True),
        ("http://[::ffff:127.0.0.1]", True),
        ("http://0.0.0.0:8000", True),
        ("http://localhost", True),
        ("http://LOCALHOST.:8000", True),
        ("http://web.localhost", True),
        ("http://10.0.0.1", False),
        ("http://localhost.example", False),
        ("http://[", False),
    ],
)
def test_the_names_of_this_machine(url: str, own: bool) -> None:
    assert names_this_machine(url) is own


def test_a_host_in_no_proxy_has_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "merge.example")

    assert find_proxy("http://merge.example") is None
    assert find_proxy("http://other.example") == "The proxy proxy.example:3128 in HTTP_PROXY"
