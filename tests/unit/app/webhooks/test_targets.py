"""URLs of webhooks are parsed or refused."""

import pytest

from app.webhooks.targets import (
    FORM,
    NO_TLS,
    NOT_PUBLIC,
    NOWHERE,
    PORT,
    RefusedUrl,
    WebhookTarget,
    parse_target,
    resolve_target,
)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        (
            "https://example.com",
            WebhookTarget(tls=True, host="example.com", port=443, authority="example.com", path="/"),
        ),
        (
            "HTTPS://Hooks.Example.com:8443/a/b?c=d",
            WebhookTarget(
                tls=True, host="Hooks.Example.com", port=8443, authority="Hooks.Example.com:8443", path="/a/b?c=d"
            ),
        ),
        (
            "https://example.com?a=b",
            WebhookTarget(tls=True, host="example.com", port=443, authority="example.com", path="/?a=b"),
        ),
        (
            "https://[2606::1]:443/x",
            WebhookTarget(tls=True, host="2606::1", port=443, authority="[2606::1]:443", path="/x"),
        ),
        (
            "https://xn--bcher-kva.example/",
            WebhookTarget(
                tls=True, host="xn--bcher-kva.example", port=443, authority="xn--bcher-kva.example", path="/"
            ),
        ),
    ],
)
def test_a_valid_url_is_parsed(url: str, target: WebhookTarget) -> None:
    assert parse_target(url, private=False) == target


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "ftp://example.com/",
        "gopher://example.com/",
        "https:/example.com",
        "https://",
        "https:///path",
        "https://user@example.com/",
        "https://user:password@example.com/",
        "https://example.com@127.0.0.1/",
        "https://example.com\\@127.0.0.1/",
        "https://example.com#@127.0.0.1/",
        "https://example.com/#fragment",
        "https://example.com/a b",
        "https://example.com/a\r\nHost: other",
        "https://example.com/\x00",
        "https://bücher.example/",
        "https://example.com/ü",
        "https://example.com:/",
        "https://example.com:port/",
        "https://exa mple.com/",
        "https://[::1",
        "https://[fe80::1%25eth0]/",
        " https://example.com/",
        "https://example.com/\n",
        "https://..example.com/",
        "https://example.com:443:80/",
        "https://\uff11\uff12\uff17.0.0.1/",
    ],
)
def test_an_ambiguous_url_is_refused(url: str) -> None:
    with pytest.raises(RefusedUrl) as refused:
        parse_target(url, private=True)

    assert str(refused.value) == FORM


def test_a_url_without_tls_is_refused_unless_private_networks_are_allowed() -> None:
    with pytest.raises(RefusedUrl) as refused:
        parse_target("http://example.com/", private=False)

    assert str(refused.value) == NO_TLS
    assert parse_target("http://example.com/", private=True).port == 80


@pytest.mark.parametrize("port", ["0", "22", "25", "80", "1023", "65536", "99999"])
def test_ports_of_other_services_are_refused(port: str) -> None:
    with pytest.raises(RefusedUrl) as refused:
        parse_target(f"https://example.com:{port}/", private=False)

    assert str(refused.value) == PORT


def test_one_address_that_is_not_public_is_enough_to_refuse_a_name() -> None:
    target = parse_target("https://example.com/", private=False)

    def rebinding(host: str, port: int) -> list[str]:
        return ["93.184.215.14", "10.0.0.1"]

    with pytest.raises(RefusedUrl) as refused:
        resolve_target(target, private=False, seconds=5, resolve=rebinding)

    assert str(refused.value) == NOT_PUBLIC


@pytest.mark.parametrize(("private", "sentence"), [(False, NOT_PUBLIC), (True, NOWHERE)])
def test_an_unknown_name_is_refused_like_a_private_address_unless_those_are_allowed(
    private: bool, sentence: str
) -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise OSError(host)

    with pytest.raises(RefusedUrl) as refused:
        resolve_target(
            parse_target("https://example.com/", private=private), private=private, seconds=5, resolve=unknown
        )

    assert str(refused.value) == sentence


def test_all_addresses_of_a_public_name_are_returned() -> None:
    target = parse_target("https://example.com/", private=False)
    found = ["93.184.215.14", "2606:4700::1111"]

    assert resolve_target(target, private=False, seconds=5, resolve=lambda *_: found) == found
