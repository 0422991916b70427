"""Addresses to which a notice may go: those of the open internet, whatever name leads to them.

Who may register a webhook chooses where Mergelane connects to. Without this check they would reach what only our own
network can: databases, consoles, the metadata service of the cloud.
"""

import socket
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from threading import Thread

Address = IPv4Address | IPv6Address
#: What looks a name up: the addresses behind a host and a port. Raises OSError when there are none.
Resolve = Callable[[str, int], Sequence[str]]

#: The only addresses of IPv6 that lead anywhere outside.
GLOBAL_UNICAST = IPv6Network("2000::/3")
#: An IPv4 address behind a translator; the address inside counts.
NAT64 = IPv6Network("64:ff9b::/96")
#: Refused beside what the standard library knows: forms that hide an IPv4 address or lead to a relay (6to4, Teredo and
#: its neighbours), documentation, protocol assignments; versions of Python differ about some of them.
REFUSED = (
    IPv6Network("2001::/23"),
    IPv6Network("2001:db8::/32"),
    IPv6Network("2002::/16"),
    IPv6Network("3fff::/20"),
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv4Network("100.64.0.0/10"),
)
#: Where clouds keep the secrets of the machine: refused even where private networks are allowed.
METADATA = (
    IPv4Network("169.254.0.0/16"),
    IPv6Network("fe80::/10"),
    IPv6Network("fd00:ec2::/32"),
    IPv4Network("100.100.100.200/32"),
    IPv4Network("168.63.129.16/32"),
    IPv4Network("192.0.0.192/32"),
)


def is_allowed_address(address: str, *, private: bool) -> bool:
    """Return whether a notice may go to *address*; where networks of ours are allowed (*private*), to those too."""
    try:
        inner = _inner(ip_address(address))
    except ValueError:
        return False
    if _in(inner, METADATA) or inner.is_multicast or inner.is_unspecified:
        return False
    return private or _is_public(inner)


def resolve_host(host: str, port: int) -> list[str]:
    """Return the addresses of *host*, as the system's resolver knows them. Raises OSError when there are none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def resolve_within(resolve: Resolve, host: str, port: int, *, seconds: float) -> Sequence[str]:
    """Return what *resolve* finds. Raises OSError when that is nothing, TimeoutError after *seconds*.

    The system's resolver cannot be told how long it may take; a thread that is left waiting for it ends with it.
    """
    found: Future[Sequence[str]] = Future()

    def look() -> None:
        try:
            found.set_result(resolve(host, port))
        except (OSError, UnicodeError) as error:
            found.set_exception(OSError(str(error)))

    Thread(target=look, name="look-up", daemon=True).start()
    return found.result(seconds)


def _is_public(address: Address) -> bool:
    """Return whether *address* belongs to the open internet."""
    if address.version == 6 and address not in GLOBAL_UNICAST:  # noqa: PLR2004  the versions of IP
        return False
    return address.is_global and not address.is_reserved and not _in(address, REFUSED)


def _inner(address: Address) -> Address:
    """Return the IPv4 address that *address* stands for, else itself."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in NAT64 else address


def _in(address: Address, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    """Return whether *address* lies in one of *networks*."""
    return any(address.version == network.version and address in network for network in networks)
