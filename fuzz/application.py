"""Calls the WSGI application in this process, as gunicorn would."""

import io
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from signal import ITIMER_REAL, SIGALRM, setitimer, signal
from time import perf_counter
from types import FrameType
from typing import Any
from urllib.parse import unquote_to_bytes

from flask import Flask

from fuzz.request import Request

#: Seconds after which a request counts as hanging.
DEADLINE_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A response, or in *raised* the traceback of an error of the application."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0.0
    raised: str | None = None


@dataclass
class KnownIds:
    """Ids from responses by placeholder, newest last."""

    ids: dict[str, list[str]] = field(default_factory=dict)

    def note(self, name: str, found: str) -> None:
        """Add an id, and keep the newest fifty."""
        among = self.ids.setdefault(name, [])
        among.append(found)
        del among[:-50]

    def fill(self, text: str, pick: int) -> str:
        """Return *text* with an id for each placeholder; a placeholder without a known id stays."""
        for name, among in self.ids.items():
            text = text.replace(f"{{{name}}}", among[pick % len(among)])
        return text


class Application:
    """The application *flask*, called with the API *key*."""

    def __init__(self, flask: Flask, key: str) -> None:
        self.key = key
        self.known = KnownIds()
        self.flask = flask

    def ask(self, request: Request) -> Answer:
        """Send *request* and return the response, within the deadline. Call it from the main thread."""
        began, response = perf_counter(), _StartResponse()
        try:
            with _deadline(DEADLINE_S):
                body = response.read(self.flask.wsgi_app(self._environ(request), response.start))
        except Exception:  # noqa: BLE001  any error of the application is a finding
            return Answer(raised=traceback.format_exc(), seconds=perf_counter() - began)
        return Answer(status=response.status, headers=response.headers, body=body, seconds=perf_counter() - began)

    def _environ(self, request: Request) -> dict[str, Any]:
        """Return the WSGI environment of *request*."""
        path = self.known.fill(request.path, request.pick)
        environ: dict[str, Any] = {
            "REQUEST_METHOD": request.method.upper(),
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": self.known.fill(request.query, request.pick),
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(request.body or b""),
            "wsgi.input_terminated": True,
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        if request.body is not None and not request.chunked:
            environ["CONTENT_LENGTH"] = str(len(request.body))
        for name, value in request.headers:
            upper = name.upper().replace("-", "_")
            variable = upper if upper in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{upper}"
            environ[variable] = value.replace("{key}", self.key).strip(" \t")
        return environ


class _StartResponse:
    """Receives status and headers from the application."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}

    def start(self, status: str, headers: list[tuple[str, str]], _: Any = None) -> Callable[[bytes], object]:
        """Store status and headers: the start_response of WSGI."""
        self.status = int(status.split(" ", 1)[0])
        self.headers = {name.lower(): value for name, value in headers}
        return len

    def read(self, parts: Any) -> bytes:
        """Return the body."""
        try:
            return b"".join(parts)
        finally:
            if hasattr(parts, "close"):
                parts.close()


@contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in the block when it takes longer than *seconds*."""

    def ring(_: int, __: FrameType | None) -> None:
        message = f"No response within {seconds:g} s."
        raise TimeoutError(message)

    before = signal(SIGALRM, ring)
    setitimer(ITIMER_REAL, seconds)
    try:
        yield
    finally:
        setitimer(ITIMER_REAL, 0)
        signal(SIGALRM, before)
