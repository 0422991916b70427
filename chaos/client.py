"""A client that retries every request without a response, under the same Idempotency-Key, until it is accepted."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from threading import Event, Lock
from typing import Any

import requests
from uuid_utils.compat import uuid7

from chaos.errors import ChaosError

Json = dict[str, Any]

TIMEOUT_S = 15.0
#: Seconds between two tries when there was no response.
PAUSE_S = 0.2
LONGEST_PAUSE_S = 2.0
TRIES = 2_000


@dataclass
class Answers:
    """Responses by status, and responses that must not happen."""

    by_status: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    #: Whether the run has failed: clients then raise ChaosError instead of sending requests.
    abandoned: bool = False
    _lock: Lock = field(default_factory=Lock)

    def note(self, response: requests.Response | None) -> None:
        """Count a response, None for a broken connection. Store it if it must not happen."""
        status = "no answer" if response is None else str(response.status_code)
        with self._lock:
            self.by_status[status] += 1
            if response is not None and (fault := _fault(response)):
                self.faults.append(fault)


class Client:
    """Sends requests to the API at *base_url* with a *key*, in one thread."""

    def __init__(self, base_url: str, key: str, answers: Answers) -> None:
        self._base_url = base_url
        self._answers = answers
        self._pause = Event()
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Bearer {key}"

    def accept(self, path: str, body: Json, *, status: int, headers: Mapping[str, str] | None = None) -> Json:
        """POST *body* with *headers* and one Idempotency-Key until the response has *status*; return its body."""
        key = {**(headers or {}), "Idempotency-Key": str(uuid7())}
        answer: Json = self.ask("POST", path, statuses={status}, json=body, headers=key).json()
        return answer

    def ask(self, method: str, path: str, *, statuses: Collection[int], **more: Any) -> requests.Response:
        """Send a request until the response has one of *statuses*, and return it."""
        for _ in range(TRIES):
            response = self._send(method, path, **more)
            if response is not None and response.status_code in statuses and not _is_key_in_use(response):
                return response
            self._wait(response)
        message = f"{path} did not accept a request in {TRIES} tries."
        raise TimeoutError(message)

    def await_end(self, path: str) -> None:
        """Poll the batch at *path* until it is finished."""
        for _ in range(TRIES):
            response = self._send("GET", path)
            if response is not None and response.ok and response.json()["state"] == "finished":
                return
            self._wait(response)
        message = f"{path} was not finished in {TRIES} polls."
        raise TimeoutError(message)

    def post(self, path: str, body: Json, headers: dict[str, str] | None = None) -> requests.Response | None:
        """Return the response to one try, or None."""
        return self._send("POST", path, json=body, headers=headers)

    def _send(self, method: str, path: str, **more: Any) -> requests.Response | None:
        """Send a request, count its response and return it, or None."""
        response: requests.Response | None
        if self._answers.abandoned:
            raise ChaosError("The run has failed.")
        try:
            response = self._session.request(method, self._base_url + path, timeout=TIMEOUT_S, **more)
        except requests.RequestException:
            response = None
        self._answers.note(response)
        return response

    def wait_after(self, response: requests.Response | None) -> None:
        """Wait for the response's Retry-After, or PAUSE_S without a response."""
        self._wait(response)

    def close(self) -> None:
        self._session.close()

    def _wait(self, response: requests.Response | None) -> None:
        retry_after = PAUSE_S if response is None else float(response.headers.get("Retry-After", PAUSE_S))
        self._pause.wait(min(retry_after, LONGEST_PAUSE_S))


def _is_key_in_use(response: requests.Response) -> bool:
    """Return whether an earlier try of the request is still running. Only this conflict has a link, to the docs."""
    return response.status_code == HTTPStatus.CONFLICT and "Link" in response.headers


def _fault(response: requests.Response) -> str | None:
    """Return the fault of a response that must not happen, or None."""
    status = response.status_code
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return None if "Retry-After" in response.headers else "A 503 without Retry-After."
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND}:
        return f"{response.request.path_url}: {status} {response.text[:300]}"
    return None
