"""The addresses to which notices may be sent."""

import socket
from threading import Event

import pytest

from app.webhooks.addresses import is_allowed_address, resolve_host, resolve_within

PUBLIC = ["93.184.215.14", "8.8.8.8", "2606:4700:4700::1111", "2a00:1450:4001:82a::200e"]
OURS = ["127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.5.4", "192.168.1.1", "::1", "fd12:3456::1"]
METADATA = ["169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fe80::1"]
NOBODYS = [
    "0.0.0.0",  # noqa: S104
    "0.1.2.3",
    "100.64.0.1",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::808:808",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fec0::1",
    "ff02::1",
    "fe80::1%eth0",
    "no address",
    "",
]


@pytest.mark.parametrize("address", [*PUBLIC, "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are_allowed(address: str) -> None:
    assert is_allowed_address(address, private=False)


@pytest.mark.parametrize("address", [*OURS, *METADATA, *NOBODYS])
def test_other_addresses_are_refused(address: str) -> None:
    assert not is_allowed_address(address, private=False)


@pytest.mark.parametrize("address", [*PUBLIC, *OURS])
def test_private_addresses_are_allowed_if_the_setting_allows_them(address: str) -> None:
    assert is_allowed_address(address, private=True)


@pytest.mark.parametrize("address", [*METADATA, "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "224.0.0.1", "::"])
def test_metadata_addresses_are_never_allowed(address: str) -> None:
    assert not is_allowed_address(address, private=True)


@pytest.mark.parametrize("spelt", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.0.0.1"])
def test_an_address_in_another_notation_resolves_to_its_usual_form(spelt: str) -> None:
    assert resolve_host(spelt, 443) == ["127.0.0.1"]


def test_a_lookup_that_takes_too_long_times_out() -> None:
    over = Event()

    def slow(host: str, port: int) -> list[str]:
        over.wait(30)
        return ["8.8.8.8"]

    with pytest.raises(TimeoutError):
        resolve_within(slow, "example.com", 443, seconds=0.05)
    over.set()


@pytest.mark.parametrize("error", [socket.gaierror("no such name"), UnicodeError("label too long")])
def test_an_invalid_name_raises_oserror(error: Exception) -> None:
    def failing(host: str, port: int) -> list[str]:
        raise error

    with pytest.raises(OSError, match=str(error)):
        resolve_within(failing, "x", 443, seconds=5)
