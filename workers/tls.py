"""The TLS options of the broker connection, from BROKER_URL.

A file of its own, because `mergelane doctor` uses it without the Celery application.
"""

import ssl
from typing import Any

from app.broker_url import AMQPS, parse_broker_url

CHECKS = {"required": ssl.CERT_REQUIRED, "optional": ssl.CERT_OPTIONAL, "none": ssl.CERT_NONE}
FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")


def tls_options(broker_url: str) -> dict[str, Any] | None:
    """Return the TLS options under the names of redis-py or py-amqp; None for a broker without TLS.

    The certificate is required unless the URL says otherwise: without options, both libraries would accept any
    certificate. Celery and Flower need the same options, since Flower does not parse the query of the URL.
    """
    if not broker_url or not (broker := parse_broker_url(broker_url)).is_encrypted:
        return None
    files = {name: broker.options[name] for name in FILES if name in broker.options}
    by_name = broker.options.get("ssl_check_hostname", "true") == "true"
    if broker.scheme == AMQPS:
        names = {name.removeprefix("ssl_"): path for name, path in files.items()}
        # None: kombu fills in the host of the URL, and py-amqp then compares it with the certificate.
        host = {"server_hostname": None} if by_name and broker.check != "none" else {}
        return {"cert_reqs": CHECKS[broker.check], **host, **names}
    check_hostname = {} if by_name else {"ssl_check_hostname": False}
    return {"ssl_cert_reqs": CHECKS[broker.check], **check_hostname, **files}
