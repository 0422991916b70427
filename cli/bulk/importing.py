"""The run of an import file: chunk after chunk through `/users/track`, with a report of what was refused."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from http import HTTPStatus
from typing import Any

import orjson

from cli.bulk.entries import Line, body_of
from cli.bulk.errors import UnfitFile
from cli.bulk.journal import Journal
from cli.client import Client, Unanswered, accepted

ACCEPTED, REFUSED, SKIPPED = "accepted", "refused", "skipped"
#: A part of an accepted line had no effect.
WARNING = "warning"
SKIP_REASON = "The line was sent and not answered; it was not sent again, so it may or may not have taken effect."


class Doubt(StrEnum):
    """What to do with lines that were sent and not answered, and which would count twice."""

    STOP = "stop"
    SEND = "send"
    SKIP = "skip"


class Importing:
    """Sends the chunks of an import file one after the other and reports what was refused.

    *moved* is called with the lines settled and the counts after each chunk.
    """

    def __init__(
        self,
        journal: Journal,
        client: Client,
        *,
        doubt: Doubt,
        moved: Callable[[int, Mapping[str, int]], object],
    ) -> None:
        self._journal = journal
        self._client = client
        self._doubt = doubt
        self._moved = moved

    def run(self, chunks: Iterable[Sequence[Line]]) -> None:
        """Send all *chunks*. Raises UnfitFile when one was sent before, was not answered and would count twice."""
        for chunk in chunks:
            if self._is_to_be_skipped(chunk):
                self._settle(chunk, [_remark(line, SKIPPED, SKIP_REASON) for line in chunk if line.fault is None])
            else:
                self._settle(chunk, self._send(chunk))
        self._journal.save(finished=True)

    def _is_to_be_skipped(self, chunk: Sequence[Line]) -> bool:
        """Return whether *chunk*, which may have been sent already, is to be passed over."""
        if self._journal.state.unanswered is None or all(line.repeatable for line in chunk):
            return False
        if self._doubt is Doubt.STOP:
            first, last = self._journal.state.unanswered
            raise UnfitFile(
                f"Lines {first} to {last} were sent, and the answer never came: they may have taken effect, and would"
                " count twice if they were sent again. Look at one of their profiles, then run the command again with"
                " --unanswered skip if they have, or --unanswered send if they have not."
            )
        return self._doubt is Doubt.SKIP

    def _send(self, chunk: Sequence[Line]) -> list[dict[str, Any]]:
        """Return what is to be reported of *chunk* once it was answered."""
        arrays = body_of(chunk)
        if not arrays:
            return []
        repeatable = all(line.repeatable for line in chunk)
        self._journal.save(unanswered=(chunk[0].line, chunk[-1].line))
        body = {name: [line.given for line in lines] for name, lines in arrays.items()}
        try:
            answer = self._client.ask("POST", "/users/track", body=body, repeatable=repeatable)
        except Unanswered as error:
            if not error.maybe_done:
                self._journal.save(unanswered=None)
            raise
        told = answer.body if isinstance(answer.body, dict) else {}
        if answer.status != HTTPStatus.BAD_REQUEST or "errors" not in told:
            accepted(answer, HTTPStatus.CREATED)
        return [
            *_remarks(arrays, told.get("errors", ()), REFUSED),
            *_remarks(arrays, told.get("warnings", ()), WARNING),
        ]

    def _settle(self, chunk: Sequence[Line], remarks: Iterable[dict[str, Any]]) -> None:
        """Report what is to be told of *chunk*, and save that it is settled."""
        told = [*(_remark(line, REFUSED, line.fault) for line in chunk if line.fault is not None), *remarks]
        told.sort(key=lambda remark: int(remark["line"]))
        written = self._journal.write(b"".join(orjson.dumps(each, option=orjson.OPT_APPEND_NEWLINE) for each in told))
        counts = dict(self._journal.state.counts)
        for name in (*(each["result"] for each in told), *_accepted(chunk, told)):
            counts[name] = counts.get(name, 0) + 1
        end = chunk[-1].end
        self._journal.save(offset=end.offset, lines=end.lines, written=written, counts=counts, unanswered=None)
        self._moved(end.lines, counts)


def _remarks(arrays: Mapping[str, Sequence[Line]], told: Iterable[Mapping[str, Any]], result: str) -> Iterator[Any]:
    """Yield a remark for each of what `/users/track` has *told* of the objects of *arrays*."""
    for each in told:
        yield _remark(arrays[each["input_array"]][each["index"]], result, each["type"])


def _remark(line: Line, result: str, reason: str | None) -> dict[str, Any]:
    """Return what is reported of *line*."""
    return {"line": line.line, "result": result, "reason": reason, line.array: line.given}


def _accepted(chunk: Sequence[Line], told: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield ACCEPTED for each line of *chunk* of which neither refusal nor skipping is *told*."""
    others = {each["line"] for each in told if each["result"] != WARNING}
    for line in chunk:
        if line.line not in others:
            yield ACCEPTED
