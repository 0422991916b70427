"""A client that costs little processor time: persistent connections, prepared bodies, threads that wait."""

import http.client
import socket
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http import HTTPStatus
from itertools import chain
from time import perf_counter
from typing import Any

import orjson

from bench.errors import BenchError
from bench.ground import KEY
from bench.running import wait_until

TIMEOUT_S = 60.0
#: Number of parallel clients of a heavy load.
CLIENTS = 4


class ApiConnection:
    """One persistent connection to the API on a local *port*, for one thread."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
        self._headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}

    def post(self, body: bytes, **headers: str) -> dict[str, Any]:
        """Post a request for merges and return its response; raise BenchError if it is not accepted."""
        return self._request_json("POST", "/users/merge", body, HTTPStatus.ACCEPTED, headers)

    def track(self, body: bytes) -> dict[str, Any]:
        """Post a request to `/users/track` and return its response."""
        return self._request_json("POST", "/users/track", body, HTTPStatus.CREATED, {})

    def poll(self, status_url: str) -> dict[str, Any]:
        """Return the current state of a batch."""
        return self._request_json("GET", status_url, None, HTTPStatus.OK, {})

    def read(self, path: str) -> None:
        """Request a page of any content type, and discard it."""
        self._send("GET", path, None, HTTPStatus.OK, {})

    def cancel_queue(self) -> dict[str, Any]:
        """Cancel all waiting jobs."""
        return self._request_json("POST", "/merge/queue/cancel", None, HTTPStatus.ACCEPTED, {})

    def plan(self, body: bytes) -> str:
        """Plan a page of merges and return the id of the plan."""
        plan_id: str = self._request_json("POST", "/merge/plans", body, HTTPStatus.CREATED, {})["plan_id"]
        return plan_id

    def extend_plan(self, plan_id: str, body: bytes) -> None:
        """Append a page of merges to a plan."""
        self._request_json("POST", f"/merge/plans/{plan_id}/updates", body, HTTPStatus.OK, {})

    def apply_plan(self, plan_id: str) -> str:
        """Apply a plan and return the id of its run."""
        run_id: str = self._request_json("POST", f"/merge/plans/{plan_id}/apply", b"{}", HTTPStatus.ACCEPTED, {})[
            "run_id"
        ]
        return run_id

    def await_run(self, run_id: str, *, seconds: float) -> None:
        """Wait until a run has ended; raise BenchError after *seconds*."""
        wait_until(
            lambda: self._request_json("GET", f"/merge/runs/{run_id}", None, HTTPStatus.OK, {})["state"] == "finished",
            seconds=seconds,
            every=0.2,
            what=f"run {run_id}",
        )

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _request_json(
        self, method: str, path: str, body: bytes | None, status: HTTPStatus, headers: dict[str, str]
    ) -> dict[str, Any]:
        """Return the JSON object of the response, which must have *status*."""
        answer: dict[str, Any] = orjson.loads(self._send(method, path, body, status, headers))
        return answer

    def _send(self, method: str, path: str, body: bytes | None, status: HTTPStatus, headers: dict[str, str]) -> bytes:
        """Return the body of the response, which must have *status*."""
        try:
            self._connection.request(method, path, body, self._headers | headers)
            response = self._connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise BenchError(f"{method} {path} got no response: {error!r}") from error
        if response.status != status:
            raise BenchError(f"{method} {path} returned {response.status}: {content[:300]!r}")
        return content


def import_lines(port: int, body: bytes) -> bytes:
    """Send *body* to `/profiles/import` while reading the response; return the response."""
    lines = ["POST /profiles/import HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {KEY}"]
    lines += ["Content-Type: application/x-ndjson", f"Content-Length: {len(body)}", "", ""]
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S) as sock, ThreadPoolExecutor(1) as thread:
        sock.sendall("\r\n".join(lines).encode())
        sending = thread.submit(sock.sendall, body)
        with closing(http.client.HTTPResponse(sock)) as response:
            response.begin()
            content = response.read()
        sending.result()
    if response.status != HTTPStatus.OK:
        raise BenchError(f"POST /profiles/import returned {response.status}: {content[:300]!r}")
    return content


def post_all(port: int, bodies: Sequence[bytes], *, clients: int = CLIENTS) -> list[float]:
    """Post all *bodies* in order with parallel *clients*; return the seconds until each response."""
    with ThreadPoolExecutor(clients) as threads:
        shares = [bodies[start::clients] for start in range(clients)]
        return list(chain.from_iterable(threads.map(lambda share: _post(port, share), shares)))


def _post(port: int, bodies: Iterable[bytes]) -> list[float]:
    """Post *bodies* one after the other; return the seconds until each response."""
    with closing(ApiConnection(port)) as api:
        return [timed_post(api, body) for body in bodies]


def timed_post(api: ApiConnection, body: bytes, **headers: str) -> float:
    """Post *body* and return the seconds until the response."""
    began = perf_counter()
    api.post(body, **headers)
    return perf_counter() - began
