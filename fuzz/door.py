"""The front door without a server: requests handed to the application as gunicorn would, and what it answers."""

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

#: Seconds after which a request counts as one that hangs.
DEADLINE_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a request was answered with; *raised* when the application let an error through instead."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0.0
    raised: str | None = None


@dataclass
class Known:
    """Ids of the product's own making, as answers told them, newest last; by the placeholder that stands for one."""

    ids: dict[str, list[str]] = field(default_factory=dict)

    def note(self, name: str, found: str) -> None:
        """Remember an id, and forget the oldest of many."""
        among = self.ids.setdefault(name, [])
        among.append(found)
        del among[:-50]

    def fill(self, text: str, pick: int) -> str:
        """Return *text* with an id in the place of each placeholder; one of which none is known stays."""
        for name, among in self.ids.items():
            text = text.replace(f"{{{name}}}", among[pick % len(among)])
        return text


class Door:
    """The application *flask*, asked with the secret *key*."""

    def __init__(self, flask: Flask, key: str) -> None:
        self.key = key
        self.known = Known()
        self.flask = flask

    def ask(self, request: Request) -> Answer:
        """Return what *request* is answered with, within the deadline; it must be asked from the main thread."""
        began, told = perf_counter(), _Told()
        try:
            with _deadline(DEADLINE_S):
                body = told.read(self.flask.wsgi_app(self._environ(request), told.start))
        except Exception:  # noqa: BLE001  whatever the application lets through is what is looked for
            return Answer(raised=traceback.format_exc(), seconds=perf_counter() - began)
        return Answer(status=told.status, headers=told.headers, body=body, seconds=perf_counter() - began)

    def _environ(self, request: Request) -> dict[str, Any]:
        """Return *request* as WSGI has it."""
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


class _Told:
    """Takes what the application answers."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}

    def start(self, status: str, headers: list[tuple[str, str]], _: Any = None) -> Callable[[bytes], object]:
        """Take status and headers, as WSGI's start_response does."""
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
        message = f"No answer within {seconds:g} s."
        raise TimeoutError(message)

    before = signal(SIGALRM, ring)
    setitimer(ITIMER_REAL, seconds)
    try:
        yield
    finally:
        setitimer(ITIMER_REAL, 0)
        signal(SIGALRM, before)
