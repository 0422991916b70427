"""The URL of a webhook: parsed, resolved, and refused when its address is not allowed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from app.errors import Rejected
from app.webhooks.addresses import Resolve, is_allowed_address, resolve_host, resolve_within

#: A URL without credentials or fragment, in printable ASCII, so that all parsers agree on it.
URL = re.compile(
    r"(?P<scheme>https?)://(?P<place>(?:[a-z0-9_-]+\.)*[a-z0-9_-]+\.?|\[[0-9a-f:.]+\])(?::(?P<port>\d{1,5}))?"
    r"(?P<path>[/?][!-\"$-~]*)?",
    re.IGNORECASE | re.ASCII,
)
PORTS = {"https": 443, "http": 80}
#: Lower ports, except 443, belong to other services, such as mail.
FIRST_FREE_PORT = 1024
LAST_PORT = 65_535

FORM = (
    "'url' must be https://HOST/PATH in ASCII, without user, password or fragment; write names in other alphabets in"
    " their xn-- form"
)
NO_TLS = "'url' must begin with https://"
PORT = f"'url' may name the port 443 or one from {FIRST_FREE_PORT} to {LAST_PORT:,}"
#: The same sentence for an unknown name and for an internal one, so that the client cannot probe our network.
NOT_PUBLIC = "'url' leads to no public address; a webhook must be reachable from the internet"
NOWHERE = "'url' leads to no address that webhooks may use"


class RefusedUrl(Rejected):
    """The URL of a webhook has a form or an address that is not allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookTarget:
    """The parts of a webhook's URL."""

    tls: bool
    #: A name, or an address without brackets.
    host: str
    port: int
    #: The value of the Host header.
    authority: str
    #: Path and query.
    path: str


def parse_target(url: str, *, private: bool) -> WebhookTarget:
    """Parse *url*; raise RefusedUrl when its form is not allowed.

    With *private*, which allows private networks, http and all ports are allowed too.
    """
    match = URL.fullmatch(url)
    if match is None:
        raise RefusedUrl(FORM)
    scheme = match["scheme"].lower()
    if scheme != "https" and not private:
        raise RefusedUrl(NO_TLS)
    port = int(match["port"] or PORTS[scheme])
    if not 0 < port <= LAST_PORT or not (private or port == PORTS["https"] or port >= FIRST_FREE_PORT):
        raise RefusedUrl(PORT)
    path = match["path"] or "/"
    return WebhookTarget(
        tls=scheme == "https",
        host=match["place"].strip("[]"),
        port=port,
        authority=urlsplit(url).netloc,
        path=path if path.startswith("/") else f"/{path}",
    )


def resolve_target(
    target: WebhookTarget, *, private: bool, seconds: float, resolve: Resolve = resolve_host
) -> Sequence[str]:
    """Return the addresses of *target*. Connect to one of these: a second look-up could return others.

    Raises RefusedUrl when there are none within *seconds*, or when any of them is not allowed.
    """
    try:
        found = resolve_within(resolve, target.host, target.port, seconds=seconds)
    except OSError:
        found = ()
    if not found or not all(is_allowed_address(address, private=private) for address in found):
        raise RefusedUrl(NOWHERE if private else NOT_PUBLIC)
    return found
