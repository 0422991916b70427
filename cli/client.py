"""A client of Mergelane's wire: it asks, waits when it is told to, and asks again while Mergelane is away."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from threading import Event
from time import monotonic
from typing import Any

import orjson
import requests
from requests.auth import AuthBase
from tenacity import RetryCallState, Retrying, retry_if_exception
from tenacity.stop import stop_base

from app.errors import MergelaneError

#: Seconds for a connection to be made, and for an answer to come beyond what the request itself may wait.
CONNECT_S = 10.0
ANSWER_S = 60.0
#: Seconds before the second attempt when nobody names any; doubled for each further one, up to the longest.
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 15.0
#: Bytes of a long answer that are taken at once.
PIECE = 1 << 16

#: Mergelane is there and says when to come back.
BUSY = HTTPStatus.TOO_MANY_REQUESTS
#: Mergelane, or the proxy before it, cannot answer for the moment.
AWAY = frozenset(
    {
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
#: Statuses that say that the request had no effect.
HARMLESS = frozenset({BUSY, HTTPStatus.SERVICE_UNAVAILABLE})


class Refused(MergelaneError):
    """Mergelane refuses a request, or what answers is no Mergelane; the message says why."""

    def __init__(self, message: str, *, status: int = 0, body: Any = None) -> None:
        """Keep the answer's status and its parsed body beside the sentence."""
        super().__init__(message)
        self.status = status
        self.body = body


class Unanswered(MergelaneError):
    """Mergelane did not answer, or said to come back later; *maybe_done* tells whether the request may have counted."""

    def __init__(self, message: str, *, maybe_done: bool, busy: bool = False, retry_after: float | None = None) -> None:
        """Keep what decides about another attempt beside the sentence."""
        super().__init__(message)
        self.maybe_done = maybe_done
        self.busy = busy
        #: Seconds after which Mergelane wants to be asked again, or None when it named none.
        self.retry_after = retry_after


class Bearer(AuthBase):
    """Sends an API key. As an object of its own it has the last word: a .netrc cannot put another in its place."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Return *request* with the key in its header."""
        request.headers["Authorization"] = f"Bearer {self._key}"
        return request


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What Mergelane answered."""

    status: int
    headers: Mapping[str, str]
    #: The parsed body; None when there was none.
    body: Any
    #: How often it had to be asked.
    attempts: int

    @property
    def retry_after(self) -> float | None:
        """Seconds after which Mergelane wants to be asked again, or None when it names none."""
        return retry_after(self.headers)


class Client:
    """Speaks to the Mergelane at *base_url* with an API *key*. One for each thread.

    *patience_s* is for how many seconds Mergelane may be away before a request is given up; being told to come back
    later does not count. *tell* is called with a sentence when a request must be made again; *stop*, once set, ends
    every wait.
    """

    def __init__(
        self,
        base_url: str,
        key: str,
        *,
        patience_s: float = 0.0,
        tell: Callable[[str], object] = lambda _: None,
        stop: Event | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._patience_s = patience_s
        self._tell = tell
        self._stop = stop or Event()
        self._session = requests.Session()
        self._session.auth = Bearer(key)

    def ask(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool = True,
    ) -> Answer:
        """Return the answer to one request, whatever its status, made again while Mergelane is away.

        A request that is not *repeatable* is made again only while the last one certainly had no effect. Raises
        Unanswered when patience is at its end.
        """
        retrying = Retrying(
            retry=retry_if_exception(lambda error: may_ask_again(error, repeatable=repeatable)),
            wait=_pause,
            stop=_Patience(self._patience_s, self._stop),
            sleep=self.wait,
            before_sleep=self._tell_why,
            reraise=True,
        )
        answer: Answer = retrying(self._once, retrying, method, path, body=body, query=query, headers=headers)
        return answer

    def get(self, path: str, **query: Any) -> Any:
        """Return the body of a GET; parameters that are None are left out. Raises Refused on any status but 200."""
        given = {name: value for name, value in query.items() if value is not None}
        return accepted(self.ask("GET", path, query=given), HTTPStatus.OK).body

    def stream(self, path: str, **query: Any) -> Iterator[bytes]:
        """Yield the body of a GET piece by piece; parameters that are None are left out.

        Raises Refused on any status but 200, and Unanswered when the body ends before its end.
        """
        with self._send("GET", path, query=query, stream=True) as response:
            body = None if response.ok else _parsed(response)
            told = Answer(status=response.status_code, headers=response.headers, body=body, attempts=1)
            accepted(told, HTTPStatus.OK)
            try:
                yield from response.iter_content(PIECE)
            except requests.RequestException as error:
                raise Unanswered(f"The answer of {self.base_url} broke off; ask again.", maybe_done=False) from error

    def wait(self, seconds: float) -> None:
        """Wait, unless everything is to stop."""
        self._stop.wait(seconds)

    @property
    def stopped(self) -> bool:
        """Whether everything is to stop."""
        return self._stop.is_set()

    def close(self) -> None:
        """Give its connections back."""
        self._session.close()

    def _once(self, retrying: Retrying, method: str, path: str, **parts: Any) -> Answer:
        """Return the answer to one attempt; raise Unanswered when there is none that counts."""
        response = self._send(method, path, **parts)
        if response.status_code == BUSY or response.status_code in AWAY:
            raise Unanswered(
                f"{self.base_url} answered {response.status_code}: {message_of(_parsed(response))}",
                maybe_done=response.status_code not in HARMLESS,
                busy=response.status_code == BUSY,
                retry_after=retry_after(response.headers),
            )
        return Answer(
            status=response.status_code,
            headers=response.headers,
            body=_parsed(response),
            attempts=retrying.statistics["attempt_number"],
        )

    def _send(
        self, method: str, path: str, *, body: Any = None, stream: bool = False, **more: Mapping[str, Any] | None
    ) -> requests.Response:
        """Send one request, with *more*: query and headers; raise Unanswered when nobody is there."""
        try:
            return self._session.request(
                method,
                self.base_url + path,
                params=more.get("query"),
                data=None if body is None else orjson.dumps(body),
                headers={
                    **({} if body is None else {"Content-Type": "application/json"}),
                    **(more.get("headers") or {}),
                },
                timeout=(CONNECT_S, ANSWER_S),
                allow_redirects=False,
                stream=stream,
            )
        except (requests.ConnectionError, requests.Timeout) as error:
            message = f"{self.base_url} does not answer ({type(error).__name__})"
            raise Unanswered(message, maybe_done=not never_sent(error)) from error
        except requests.RequestException as error:
            raise Refused(f"{self.base_url} cannot be asked ({type(error).__name__}); correct the URL.") from error

    def _tell_why(self, state: RetryCallState) -> None:
        """Tell once, for each request, that it has to be made again."""
        if state.attempt_number == 1 and state.outcome is not None:
            self._tell(f"{state.outcome.exception()}; trying again.")


class _Patience(stop_base):
    """Stops when Mergelane was away for *seconds*, or when everything is to stop."""

    def __init__(self, seconds: float, stop: Event) -> None:
        self._until = monotonic() + seconds
        self._seconds = seconds
        self._stop = stop

    def __call__(self, state: RetryCallState) -> bool:
        """Tell whether to give up. Being told to come back later shows that Mergelane is there: time begins anew."""
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, Unanswered) and error.busy:
            self._until = monotonic() + self._seconds
            return self._stop.is_set()
        return self._stop.is_set() or monotonic() >= self._until


def accepted(answer: Answer, status: int) -> Answer:
    """Return *answer*; raise Refused, with the sentence that it gives, unless its status is *status*."""
    if answer.status == status:
        return answer
    hints: Mapping[int, str] = {
        HTTPStatus.UNAUTHORIZED: " Give a key that opens a workspace, by MERGELANE_API_KEY or --key-file.",
        HTTPStatus.FORBIDDEN: " The key has not the permission that this needs.",
    }
    hint = hints.get(answer.status, "")
    sentence = message_of(answer.body)
    raise Refused(f"Mergelane answered {answer.status}: {sentence}{hint}", status=answer.status, body=answer.body)


def may_ask_again(error: BaseException, *, repeatable: bool) -> bool:
    """Return whether a request that ended with *error* may be made again."""
    return isinstance(error, Unanswered) and (repeatable or not error.maybe_done)


def never_sent(error: BaseException | None) -> bool:
    """Return whether the connection was never made, so that the request cannot have had an effect."""
    while error is not None:
        # A name that cannot be resolved is an OSError of its own kind; requests keeps it only as a cause.
        if isinstance(error, ConnectionRefusedError | requests.ConnectTimeout) or type(error).__name__ == "gaierror":
            return True
        error = error.__cause__ or error.__context__
    return False


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that `Retry-After` names, as a number or as a date; None when it names none."""
    text = headers.get("Retry-After", "")
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None


def _pause(state: RetryCallState) -> float:
    """Return the seconds before the next attempt: those that were asked for, or twice as many as before the last."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, Unanswered) and error.retry_after is not None:
        return error.retry_after
    return float(min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (state.attempt_number - 1)))


def _parsed(response: requests.Response) -> Any:
    """Return the parsed body of *response*; None when it has none that is JSON."""
    try:
        return orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return None


def message_of(body: Any) -> str:
    """Return the sentence that *body* gives, or that there is none."""
    if isinstance(body, dict) and isinstance(body.get("message"), str):
        return str(body["message"])
    return "it gives no reason, so it may not be Mergelane that answers there."
