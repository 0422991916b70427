"""Bodies of requests and responses: JSON, and JSON Lines, which is compressed unless it stays on this machine."""

import gzip
from collections.abc import Mapping
from typing import Any

import orjson
import requests

from cli.proxies import names_this_machine
from schemas.json_values import dump_json

JSON_LINES = "application/x-ndjson"
#: Higher levels cost more time than they save on a fast network.
GZIP_LEVEL = 1


def encode_body(body: Any, url: str) -> tuple[bytes | None, Mapping[str, str]]:
    """Return the bytes of *body* for a request to *url*, and their headers. A body of bytes has JSON Lines."""
    if body is None:
        return None, {}
    if not isinstance(body, bytes):
        return dump_json(body), {"Content-Type": "application/json"}
    if names_this_machine(url):
        return body, {"Content-Type": JSON_LINES}
    return gzip.compress(body, GZIP_LEVEL), {"Content-Type": JSON_LINES, "Content-Encoding": "gzip"}


def parse_body(response: requests.Response) -> Any:
    """Return the value in *response*, for JSON Lines a list of values; None when it has none."""
    content = response.content
    try:
        if response.headers.get("Content-Type", "").startswith(JSON_LINES):
            return orjson.loads(b"[" + b",".join(content.splitlines()) + b"]")
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
