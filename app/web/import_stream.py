"""The streamed response of an import: it is made while the body arrives, and outlives the context of its request."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator

from flask import g

from app.db.budget import begin_budget
from app.errors import Rejected
from app.imports.requests import ImportOptions, Line, import_lines, in_chunks
from app.logs import request_id
from app.web.prefer_wait import CLOSING
from app.web.resources import pool
from app.web.workspace_shares import budget_s, stream_turns
from schemas.import_answers import dump_outcomes, dump_stop

LOG = logging.getLogger(__name__)

STOPPING = "The server stops; send this line and those after it again."
NOT_IMPORTED = "The server could not import this line and those after it; send them again."


class ImportStopped(Rejected):
    """The import ends before its last line."""


class ImportStream:
    """Imports *lines* in one transaction after another, and counts them."""

    def __init__(self, lines: Iterator[Line], options: ImportOptions) -> None:
        self._chunks = in_chunks(lines)
        self._options = options
        self._pool, self._budget_s = pool(), budget_s()
        self._turn = stream_turns()
        self._workspace_id = g.workspace_id
        self._api_key_id = g.api_key_id
        self._request_id = g.request_id
        self._imported = 0
        self._counts: Counter[str] = Counter()
        self._first = b""

    def import_first(self) -> None:
        """Import the first transaction. Its errors are those of the request."""
        self._first = next(self._answers(), b"")

    def content(self, end: Callable[[], None]) -> Iterator[bytes]:
        """Yield the lines of the response; call *end* after the last one or an error."""
        request_id.set(self._request_id)
        try:
            yield self._first
            yield from self._answers()
        except Rejected as error:
            yield self._stop(error, str(error))
        except Exception as error:  # noqa: BLE001  the status is sent already, so the last line reports it
            yield self._stop(error, NOT_IMPORTED)
        finally:
            LOG.info("profiles_imported", extra={**self._facts(), "results": dict(self._counts)})
            request_id.set("")
            end()

    def _answers(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            if CLOSING.is_set() and self._imported:
                raise ImportStopped(STOPPING)
            # Each transaction has the time of a request of its own: the client decides how many there are.
            with self._turn():
                begin_budget(self._budget_s)
                outcomes = import_lines(self._pool, workspace_id=self._workspace_id, lines=chunk, options=self._options)
                begin_budget(None)
                answer = dump_outcomes(outcomes, first=self._imported + 1)
            self._imported += len(outcomes)
            self._counts.update(each.result for each in outcomes)
            yield answer

    def _stop(self, error: Exception, sentence: str) -> bytes:
        begin_budget(None)
        LOG.warning(
            "import_stopped",
            exc_info=None if isinstance(error, Rejected) else error,
            extra={**self._facts(), "error": type(error).__name__},
        )
        return dump_stop(self._imported + 1, sentence)

    def _facts(self) -> dict[str, object]:
        return {
            "lines": self._imported,
            "dry_run": self._options.dry_run,
            "workspace_id": self._workspace_id,
            "api_key_id": self._api_key_id,
        }
