"""Responses that are streamed as files: each takes a share of the exports, and makes its parts in turns."""

import logging
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack
from itertools import chain

from flask import Response

from app.errors import DatabaseUnavailable
from app.metrics.shares import Resource
from app.web.workspace_shares import by_turns, take_share

LOG = logging.getLogger(__name__)


def stream_file(
    parts_of: Callable[[ExitStack], Iterable[bytes]], *, name: str, content_type: str, event: str, what: str = "export"
) -> Response:
    """Return the response that sends the parts of *parts_of* as the file *name*.

    *parts_of* opens what the parts need in a stack, which is closed after the last part, after an error, or when the
    client disconnects. Its own errors appear before the response begins; see begun. A later error is logged as *event*,
    and makes the response incomplete. Raises Overloaded above the workspace's share.
    """
    with ExitStack() as stack:
        take_share(Resource.EXPORTS, stack)
        parts = parts_of(stack)
        end = stack.pop_all().close
        response = Response(by_turns(_content(parts, end, event, what)), content_type=content_type)
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        # The client may disconnect before the first or the last byte.
        response.call_on_close(end)
    return response


def begun(parts: Iterator[bytes], *, head: bytes = b"") -> Iterator[bytes]:
    """Return *parts*, one or more, with *head* before the first, which is made now so that its errors appear now."""
    return chain([head + next(parts)], parts)


def _content(parts: Iterable[bytes], end: Callable[[], None], event: str, what: str) -> Generator[bytes]:
    """Yield *parts*; call *end* after the last one or an error."""
    try:
        yield from parts
    except Exception as error:
        # The status is sent already: only an incomplete response can report the error.
        LOG.exception(event)
        raise DatabaseUnavailable(f"The {what} failed before its end.") from error
    finally:
        end()
