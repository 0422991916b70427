"""Proxies in front of web: the headers by which trusted ones report the client's request."""

import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import request
from werkzeug.middleware.proxy_fix import ProxyFix

Networks = Sequence[IPv4Network | IPv6Network]
PREFIX = "HTTP_X_FORWARDED_PREFIX"
#: A path prefix. Two slashes at its beginning would lead to another host.
VALID_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]+)+/?", re.ASCII)


class TrustedProxies:
    """WSGI middleware: applies the X-Forwarded headers of requests that come from *networks*, and no others."""

    def __init__(self, application: WSGIApplication, networks: Networks) -> None:
        self._networks = networks
        self._direct = application
        self._forwarded = ProxyFix(application, x_for=1, x_proto=1, x_host=1, x_prefix=1)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not self._is_trusted(environ.get("REMOTE_ADDR", "")):
            return self._direct(environ, start_response)
        if not VALID_PREFIX.fullmatch(environ.get(PREFIX, "")):
            environ.pop(PREFIX, None)
        return self._forwarded(environ, start_response)

    def _is_trusted(self, address: str) -> bool:
        try:
            found = ip_address(address)
        except ValueError:  # a Unix socket has no address
            return False
        return any(found in network for network in self._networks)


def with_prefix(path: str) -> str:
    """Return *path* below the path prefix under which the client reaches this server."""
    return f"{request.script_root}{path}"


def trust_proxies(flask: Any, networks: Networks) -> None:
    if networks:
        flask.wsgi_app = TrustedProxies(flask.wsgi_app, networks)
