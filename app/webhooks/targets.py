"""The URL of a webhook: taken apart, and refused unless it leads to where a notice may go."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from app.errors import Rejected
from app.webhooks.addresses import Resolve, is_allowed_address, resolve_host, resolve_within

#: A URL without credentials or fragment, in printable ASCII: what cannot be read in two ways.
URL = re.compile(
    r"(?P<scheme>https?)://(?P<place>(?:[a-z0-9_-]+\.)*[a-z0-9_-]+\.?|\[[0-9a-f:.]+\])(?::(?P<port>\d{1,5}))?"
    r"(?P<path>[/?][!-\"$-~]*)?",
    re.IGNORECASE | re.ASCII,
)
PORTS = {"https": 443, "http": 80}
#: Below this, ports belong to other services, such as mail.
FIRST_FREE_PORT = 1024
LAST_PORT = 65_535

FORM = (
    "'url' must be https://HOST/PATH in ASCII, without user, password or fragment; write names in other alphabets in"
    " their xn-- form"
)
NO_TLS = "'url' must begin with https://"
PORT = f"'url' may name the port 443 or one from {FIRST_FREE_PORT} to {LAST_PORT:,}"
#: One sentence for a name that is unknown and for one that leads inside, so that nobody learns which names we have.
NOT_PUBLIC = "'url' leads to no public address; a webhook must be reachable from the internet"
NOWHERE = "'url' leads to no address that a notice may go to"


class RefusedUrl(Rejected):
    """A URL to which no notice may be sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookTarget:
    """Where a webhook lies."""

    tls: bool
    #: The name, or the address without brackets.
    host: str
    port: int
    #: What the Host header says.
    authority: str
    #: Path and query.
    path: str


def parse_target(url: str, *, private: bool) -> WebhookTarget:
    """Return what *url* says; raise UnfitUrl when it has another form than is allowed.

    Where private networks are allowed (*private*), so is a connection without TLS, and any port.
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
    """Return the addresses of *target*, to one of which the connection must go: a second look-up may tell others.

    Raises UnfitUrl when there are none within *seconds*, or when a single one of them is not allowed.
    """
    try:
        found = resolve_within(resolve, target.host, target.port, seconds=seconds)
    except OSError:
        found = ()
    if not found or not all(is_allowed_address(address, private=private) for address in found):
        raise RefusedUrl(NOWHERE if private else NOT_PUBLIC)
    return found
