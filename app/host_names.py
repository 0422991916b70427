"""Host names as requests have them in their Host header."""

from ipaddress import ip_address
from urllib.parse import urlsplit


def host_name(host: str) -> str:
    """Return *host* in lower case and without its port and last dot; "" when it is no host."""
    try:
        return (urlsplit(f"//{host}").hostname or "").removesuffix(".")
    except ValueError:
        return ""


def is_address(name: str) -> bool:
    """Return whether *name* is an IP address."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Return whether *host*, with or without a port, is localhost or an address of loopback."""
    name = host_name(host)
    return name == "localhost" or (is_address(name) and ip_address(name).is_loopback)
