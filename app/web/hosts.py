"""The Host header: pages and keyless answers are for hosts that are this server's, and not for a page of another site.

A page whose owner makes its name resolve to 127.0.0.1 (DNS rebinding) reaches a server on the user's machine and reads
its answers. Such a request has the page's name as its host.
"""

from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import urlsplit

from flask import Flask, current_app, request

from app.config import Settings
from app.errors import Rejected

NAME = "mergelane-hosts"
#: Serves any host, as an entry of MERGELANE_ALLOWED_HOSTS.
ANY = "*"
CONSOLE = "/console"
UNKNOWN = "The console is not served under this host; add its name to MERGELANE_ALLOWED_HOSTS."


class UnknownHost(Rejected):
    """The request names a host that is not this server's."""

    status = 421


def register_hosts(flask: Flask, settings: Settings) -> None:
    """Refuse pages of the console under a host that is not served."""
    configured = urlsplit(settings.url).hostname or ""
    flask.extensions[NAME] = settings.allowed_hosts | {configured.lower()}
    flask.before_request(require_served_host)


def require_served_host() -> None:
    """Raise UnknownHost for a page of the console under another host."""
    path = request.path
    if (path == CONSOLE or path.startswith(f"{CONSOLE}/")) and not is_host_served():
        raise UnknownHost(UNKNOWN)


def is_host_served() -> bool:
    """Return whether this server is reached under the host that the request names."""
    return is_served(request.host, current_app.extensions[NAME])


def is_host_loopback() -> bool:
    """Return whether the request names this machine itself as its host: localhost, or an address of loopback.

    A proxy that passes on the client's Host names the public host instead.
    """
    name = _name_of(request.host)
    return name == "localhost" or (_is_address(name) and ip_address(name).is_loopback)


def is_served(host: str, allowed: Collection[str]) -> bool:
    """Return whether *host*, with or without a port, is an address, a local name or one of *allowed*.

    A name of one label, such as that of a service of Docker Compose, is local: it cannot be registered in the DNS. An
    entry that begins with a dot stands for all names below it.
    """
    name = _name_of(host)
    if ANY in allowed or _is_address(name) or name.endswith(".localhost") or (name and "." not in name):
        return True
    parents = (name[index:] for index, character in enumerate(name) if character == ".")
    return name in allowed or any(parent in allowed for parent in parents)


def _name_of(host: str) -> str:
    """Return *host* in lower case and without its port and last dot; "" when it is no host."""
    try:
        return (urlsplit(f"//{host}").hostname or "").removesuffix(".")
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
