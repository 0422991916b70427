"""TLS to the broker, as BROKER_URL asks for it."""

import ssl
from typing import Any

from kombu.utils.url import parse_url

from app.errors import SetupError


def tls_options(broker_url: str) -> dict[str, Any] | None:
    """Return how the server's certificate is checked, None for a broker without TLS.

    The checking is strict unless the URL says otherwise: for a `rediss://` that says nothing kombu would take whatever
    certificate it is shown. Celery and Flower must be given the same, since Flower does not read the URL's query.
    Raises SetupError when the query says something that is none of `ssl_cert_reqs`, `ssl_ca_certs` and the like.
    """
    if not broker_url.startswith("rediss://"):
        return None
    try:
        asked = parse_url(broker_url).get("ssl", {})
    except KeyError as error:
        raise SetupError(f"BROKER_URL says ssl_cert_reqs={error.args[0]}; say required, optional or none.") from None
    return {"ssl_cert_reqs": ssl.CERT_REQUIRED, **asked}
