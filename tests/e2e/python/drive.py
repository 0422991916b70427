"""Calls a public Python client: each input line is a call, each output line is its result.

python drive.py CLIENT BASE_URL KEY
"""

import importlib
import sys
from collections.abc import Callable
from functools import reduce
from typing import Any

import orjson


def braze_client_sdk(base_url: str, key: str) -> Any:
    """Return the client of the distribution braze-client-sdk."""
    return importlib.import_module("braze").Braze(host=base_url, token=key)


def edx_braze_client(base_url: str, key: str) -> Any:
    """Return the client of the distribution edx-braze-client."""
    return importlib.import_module("braze.client").BrazeClient(api_key=key, api_url=base_url, app_id="app")


CLIENTS: dict[str, Callable[[str, str], Any]] = {
    "braze-client-sdk": braze_client_sdk,
    "edx-braze-client": edx_braze_client,
}


def outcome(client: Any, *, call: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the result of a *call*, a path such as `users.track`, with *arguments* by name."""
    method = reduce(getattr, call.split("."), client)
    try:
        return {"answer": method(**arguments)}
    except Exception as error:  # noqa: BLE001 - the test checks every error of the client
        return {"error": {"type": type(error).__name__, "message": str(error)}}


def main() -> None:
    """Execute the calls of the standard input in order."""
    name, base_url, key = sys.argv[1:]
    client = CLIENTS[name](base_url, key)
    for line in sys.stdin:
        sys.stdout.write(orjson.dumps(outcome(client, **orjson.loads(line))).decode() + "\n")
        sys.stdout.flush()


main()
