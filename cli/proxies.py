"""Proxies: none for this machine, and a name for the one that fails."""

from contextlib import suppress
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import requests

PROXY_REMEDY = "Correct the variable of the proxy, or add the host of Mergelane to NO_PROXY."


class DirectSession(requests.Session):
    """A session that sends nothing for this machine through a proxy, which could read the key."""

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        """Return the settings of the environment for *url*, without proxies when it names this machine."""
        settings = super().merge_environment_settings(url, proxies, stream, verify, cert)
        return {**settings, "proxies": {}} if names_this_machine(str(url)) else settings


def names_this_machine(url: str) -> bool:
    """Return whether the host of *url* is this machine."""
    try:
        host = (urlsplit(url).hostname or "").removesuffix(".")
    except ValueError:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    with suppress(ValueError):
        address = ip_address(host)
        mapped = getattr(address, "ipv4_mapped", None) or address
        return bool(mapped.is_loopback or mapped.is_unspecified)
    return False


def explain_proxy(url: str, error: Exception) -> str | None:
    """Return sentences about the proxy through which a request to *url* failed; None when *error* has no such cause."""
    proxy = find_proxy(url)
    if proxy is None:
        return None
    if isinstance(error, requests.exceptions.ProxyError):
        return f"{proxy} does not let the request through. {PROXY_REMEDY}"
    if isinstance(error, requests.ConnectionError | requests.Timeout):
        return None
    return f"{proxy} cannot be used ({type(error).__name__}). {PROXY_REMEDY}"


def find_proxy(url: str) -> str | None:
    """Return the proxy for *url* with the variable that names it, without its password; None when there is none."""
    try:
        scheme = urlsplit(url).scheme
        proxies = {} if names_this_machine(url) else requests.utils.get_environ_proxies(url)
        proxy = requests.utils.select_proxy(url, proxies)
    except ValueError:
        return None
    if not proxy:
        return None
    variable = f"{scheme}_proxy".upper() if proxies.get(scheme) == proxy else "ALL_PROXY"
    return f"The proxy {proxy.rpartition('@')[2].rpartition('//')[2]} in {variable}"
