"""Allowed addresses of webhooks: public ones only, unless private networks are allowed.

The owner of a webhook chooses the address to which Mergelane connects. Without this check that could be a service of
our own network: a database, a console, or the metadata service of the cloud (server-side request forgery).
"""

import socket
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from threading import Thread

Address = IPv4Address | IPv6Address
#: Returns the addresses of a host and a port; raises OSError when there are none.
Resolve = Callable[[str, int], Sequence[str]]

#: The only IPv6 addresses that are routed on the internet.
GLOBAL_UNICAST = IPv6Network("2000::/3")
#: IPv6 addresses that embed an IPv4 address; the embedded address is checked.
NAT64 = IPv6Network("64:ff9b::/96")
#: Refused in addition to the standard library's lists, which differ between versions of Python: addresses that hide an
#: IPv4 address or lead to a relay (6to4, Teredo and the like), documentation, protocol assignments.
REFUSED = (
    IPv6Network("2001::/23"),
    IPv6Network("2001:db8::/32"),
    IPv6Network("2002::/16"),
    IPv6Network("3fff::/20"),
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv4Network("100.64.0.0/10"),
)
#: Metadata services of clouds, which give out credentials: refused even when private networks are allowed.
METADATA = (
    IPv4Network("169.254.0.0/16"),
    IPv6Network("fe80::/10"),
    IPv6Network("fd00:ec2::/32"),
    IPv4Network("100.100.100.200/32"),
    IPv4Network("168.63.129.16/32"),
    IPv4Network("192.0.0.192/32"),
)


def is_allowed_address(address: str, *, private: bool) -> bool:
    """Return whether a webhook may have this *address*; *private* allows private networks too."""
    try:
        inner = _inner(ip_address(address))
    except ValueError:
        return False
    if _in(inner, METADATA) or inner.is_multicast or inner.is_unspecified:
        return False
    return private or _is_public(inner)


def resolve_host(host: str, port: int) -> list[str]:
    """Return the addresses of *host* from the system's resolver; raise OSError when there are none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def resolve_within(resolve: Resolve, host: str, port: int, *, seconds: float) -> Sequence[str]:
    """Return the result of *resolve*; raise OSError when it finds nothing, and TimeoutError after *seconds*.

    The system's resolver has no timeout, so it runs in a thread, which may outlive this call.
    """
    found: Future[Sequence[str]] = Future()

    def run() -> None:
        try:
            found.set_result(resolve(host, port))
        except (OSError, UnicodeError) as error:
            found.set_exception(OSError(str(error)))

    Thread(target=run, name="resolver", daemon=True).start()
    return found.result(seconds)


def _is_public(address: Address) -> bool:
    if address.version == 6 and address not in GLOBAL_UNICAST:  # noqa: PLR2004  the versions of IP
        return False
    return address.is_global and not address.is_reserved and not _in(address, REFUSED)


def _inner(address: Address) -> Address:
    """Return the IPv4 address that *address* embeds, else *address*."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in NAT64 else address


def _in(address: Address, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)
