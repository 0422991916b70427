"""The TLS options of the broker connection, from BROKER_URL.

A file of its own, because `mergelane doctor` uses it without the Celery application.
"""

import ssl
from typing import Any

from kombu.utils.url import parse_url

from app.errors import SetupError


def tls_options(broker_url: str) -> dict[str, Any] | None:
    """Return the TLS options; None for a broker without TLS.

    The certificate is required unless the URL says otherwise: without options, kombu would accept any certificate for
    `rediss://`. Celery and Flower need the same options, since Flower does not parse the query of the URL. Raises
    SetupError for an invalid value of `ssl_cert_reqs`.
    """
    if not broker_url.startswith("rediss://"):
        return None
    try:
        options = parse_url(broker_url).get("ssl", {})
    except KeyError as error:
        raise SetupError(f"BROKER_URL says ssl_cert_reqs={error.args[0]}; say required, optional or none.") from None
    return {"ssl_cert_reqs": ssl.CERT_REQUIRED, **options}
