"""HTTP client of the Mergelane API: retries while the server is unavailable, and honours Retry-After."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from threading import Event
from time import monotonic
from typing import Any

import requests
from requests.auth import AuthBase
from requests.exceptions import ChunkedEncodingError

from app.errors import MergelaneError
from cli.bodies import encode_body, parse_body
from cli.proxies import PROXY_REMEDY, DirectSession, explain_proxy
from schemas.retry_after import parse_retry_after

#: Seconds for connecting, and for the response beyond the time that the request itself asks the server to wait.
CONNECT_S = 10.0
RESPONSE_S = 60.0
#: Seconds before the first retry when the server announces none; doubled for each further one, up to the longest.
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 15.0
#: Seconds before the next poll when the server announces none, and the longest announcement that is always honoured.
POLL_S, POLLED_S = 1.0, 0.1
LONGEST_POLL_S = 60.0
#: Bytes that are read at once from a streamed response.
BLOCK = 1 << 16

#: The server works and announces when to retry.
BUSY = HTTPStatus.TOO_MANY_REQUESTS
#: The server, or the proxy before it, is unavailable for now.
UNAVAILABLE = frozenset(
    {
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
#: Statuses that guarantee that the request had no effect.
NO_EFFECT = frozenset({BUSY, HTTPStatus.SERVICE_UNAVAILABLE})
HINTS: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "Set MERGELANE_API_KEY or --key-file to a valid API key.",
    HTTPStatus.PROXY_AUTHENTICATION_REQUIRED: PROXY_REMEDY,
    HTTPStatus.FORBIDDEN: "The API key lacks the permission for this request.",
}


class Refused(MergelaneError):
    """The server refused a request, or the URL is not a Mergelane; the message is a sentence with the reason."""

    def __init__(self, message: str, *, status: int = 0, body: Any = None) -> None:
        """Keep the status of the response and its parsed body beside the message."""
        super().__init__(message)
        self.status = status
        self.body = body


class Unanswered(MergelaneError):
    """No usable response came. *maybe_done*: the request may have taken effect. *busy*: the server answered 429."""

    def __init__(self, message: str, *, maybe_done: bool, busy: bool = False, retry_after: float | None = None) -> None:
        """Keep what decides about a retry; *retry_after* is in seconds, None when the server announced none."""
        super().__init__(message)
        self.maybe_done = maybe_done
        self.busy = busy
        self.retry_after = retry_after


class BearerAuth(AuthBase):
    """Sends an API key. `requests` prefers an auth object to the entries of a .netrc file."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the key to the headers of *request*."""
        request.headers["Authorization"] = f"Bearer {self._key}"
        return request


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A response of the server, whatever its status."""

    status: int
    headers: Mapping[str, str]
    #: The parsed body; None when it is not JSON.
    body: Any
    #: Number of times that the request was sent.
    attempts: int


class Patience:
    """Decides how long to wait before a retry, and when to give up.

    Time counts from the first failure. A 429 starts it again, since the server works; so does each new request.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._failing_since: float | None = None

    def pause_before_retry(self, error: Unanswered, *, attempt: int, started: float) -> float:
        """Return the seconds to wait after the failed *attempt*, sent at *started*.

        Raises *error*, or Unanswered with one more sentence, when the retry would come too late.
        """
        now = monotonic()
        if error.busy:
            self._failing_since = now
        elif self._failing_since is None:
            self._failing_since = started if error.retry_after is None else now
        left = self._seconds - (now - self._failing_since)
        if error.retry_after is not None and error.retry_after > left:
            raise Unanswered(
                f"{error} It announces a wait of {error.retry_after:,.0f} s; this command waits at most"
                f" {self._seconds:g} s.",
                maybe_done=error.maybe_done,
                busy=error.busy,
                retry_after=error.retry_after,
            )
        backoff = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(attempt - 1, 10))
        if error.busy:
            return backoff if error.retry_after is None else error.retry_after
        if left <= 0:
            raise error
        return min(backoff, left) if error.retry_after is None else error.retry_after


class Client:
    """Sends requests to the Mergelane at *base_url* with an API *key*. Use one client for each thread.

    *patience_s*: seconds for which the server may be unavailable before a request fails, and the longest wait that it
    may announce. *report* receives one sentence when a request is retried. Setting *stop* ends every wait.
    """

    def __init__(
        self,
        base_url: str,
        key: str,
        *,
        patience_s: float = 0.0,
        report: Callable[[str], object] = lambda _: None,
        stop: Event | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._patience_s = patience_s
        self._report = report
        self._stop = stop or Event()
        self._session = DirectSession()
        self._session.auth = BearerAuth(key)

    def request(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool = True,
    ) -> Response:
        """Return the response, whatever its status; retry while the server is unavailable.

        A request that is not *repeatable* is retried only when the last attempt certainly had no effect. Raises
        Unanswered when the server stays unavailable for `patience_s` or announces a longer wait.
        """
        patience, attempt = Patience(self._patience_s), 1
        while True:
            started = monotonic()
            try:
                return self._send_once(method, path, attempt, body=body, query=query, headers=headers)
            except Unanswered as error:
                if self.stopped or (error.maybe_done and not repeatable):
                    raise
                pause = patience.pause_before_retry(error, attempt=attempt, started=started)
                if attempt == 1:
                    self._report(f"{error} Retrying.")
                self._stop.wait(pause)
                if self.stopped:
                    raise
            attempt += 1

    def get(self, path: str, **query: Any) -> Any:
        """Return the body of a GET; parameters that are None are left out. Raises Refused unless the status is 200."""
        given = {name: value for name, value in query.items() if value is not None}
        return require_status(self.request("GET", path, query=given), HTTPStatus.OK).body

    def stream(self, path: str, **query: Any) -> Iterator[bytes]:
        """Yield the body of a GET in blocks; parameters that are None are left out.

        Raises Refused unless the status is 200, and Unanswered when the connection breaks inside the body.
        """
        with self._send("GET", path, query=query, stream=True) as response:
            body = None if response.ok else parse_body(response)
            head = Response(status=response.status_code, headers=response.headers, body=body, attempts=1)
            require_status(head, HTTPStatus.OK)
            try:
                yield from response.iter_content(BLOCK)
            except requests.RequestException as error:
                message = f"The connection to {self.base_url} broke inside the response. Run the command again."
                raise Unanswered(message, maybe_done=False) from error

    def wait_to_poll(self, response: Response, *, waited_s: float = 0.0) -> None:
        """Wait before the next poll: as long as *response* announces, else POLL_S; POLLED_S if the server waited.

        Raises Unanswered when *waited_s*, waits without progress, and it exceed both LONGEST_POLL_S and the patience.
        """
        announced = parse_retry_after(response.headers.get("Retry-After"), date=response.headers.get("Date"))
        longest = max(LONGEST_POLL_S, self._patience_s)
        if waited_s + (announced or 0) > longest:
            wait = f"{self.base_url} announces a wait of {announced or 0:,.0f} s"
            sentence = f"{wait}; this command waits at most {longest:g} s."
            raise Unanswered(sentence, maybe_done=False, retry_after=announced)
        pause = POLL_S if announced is None else announced
        self._stop.wait(POLLED_S if "Preference-Applied" in response.headers else pause)

    @property
    def stopped(self) -> bool:
        """Whether every wait is to end."""
        return self._stop.is_set()

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def _send_once(self, method: str, path: str, attempt: int, **parts: Any) -> Response:
        """Send one request; raise Unanswered on a status that asks for a retry."""
        response = self._send(method, path, **parts)
        status, body = response.status_code, parse_body(response)
        if status == BUSY or status in UNAVAILABLE:
            raise Unanswered(
                f"{self.base_url} answered {status}: {error_message(body)}",
                maybe_done=status not in NO_EFFECT,
                busy=status == BUSY,
                retry_after=parse_retry_after(response.headers.get("Retry-After"), date=response.headers.get("Date")),
            )
        return Response(status=status, headers=response.headers, body=body, attempts=attempt)

    def _send(
        self, method: str, path: str, *, body: Any = None, stream: bool = False, **more: Mapping[str, Any] | None
    ) -> requests.Response:
        """Send one request; *more* may hold `query` and `headers`. Raises Unanswered when no response comes."""
        data, content_headers = encode_body(body, self.base_url)
        try:
            return self._session.request(
                method,
                self.base_url + path,
                params=more.get("query"),
                data=data,
                headers={**content_headers, **(more.get("headers") or {})},
                timeout=(CONNECT_S, RESPONSE_S),
                allow_redirects=False,
                stream=stream,
            )
        except (requests.ConnectionError, requests.Timeout, ChunkedEncodingError) as error:
            sentence = f"{self.base_url} does not respond ({type(error).__name__})."
            sentence = explain_proxy(self.base_url, error) or sentence
            raise Unanswered(sentence, maybe_done=not _was_never_sent(error)) from error
        except (requests.RequestException, ValueError) as error:  # ValueError: of urllib3, about some hosts
            sentence = f"Cannot send requests to {self.base_url} ({type(error).__name__}). Check the URL."
            raise Refused(explain_proxy(self.base_url, error) or sentence) from error


def require_status(response: Response, status: int) -> Response:
    """Return *response*; raise Refused with the server's message unless it has *status*."""
    if response.status == status:
        return response
    message = error_message(response.body)
    if hint := HINTS.get(response.status):
        message = f"{message.rstrip('.')}. {hint}"
    raise Refused(f"Mergelane answered {response.status}: {message}", status=response.status, body=response.body)


def error_message(body: Any) -> str:
    """Return the message of an error response, or a sentence that says that it has none."""
    if isinstance(body, dict) and isinstance(body.get("message"), str):
        return str(body["message"])
    return "the response has no message, so this URL may not be a Mergelane."


def _was_never_sent(error: BaseException | None) -> bool:
    """Return whether no connection was made, so that the request cannot have taken effect."""
    while error is not None:
        # A failed name look-up is an OSError subclass of `socket`; requests keeps it only as a cause.
        if isinstance(error, ConnectionRefusedError | requests.ConnectTimeout) or type(error).__name__ == "gaierror":
            return True
        error = error.__cause__ or error.__context__
    return False
