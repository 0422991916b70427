"""Imports the lines of a file through `/users/track`, chunk by chunk, and reports refused lines."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson

from cli.bulk.checkpoint import Checkpoint
from cli.bulk.files import FileError, UnansweredPolicy
from cli.bulk.import_lines import ImportLine, group_by_array
from cli.client import Client, Unanswered, require_status

ACCEPTED, REFUSED, SKIPPED = "accepted", "refused", "skipped"
#: The line was accepted, but a part of it had no effect.
WARNING = "warning"
SKIP_REASON = "The line was sent and no response came. It was not sent again; it may have taken effect."


class ImportRun:
    """Sends the chunks of an import file one after the other and writes the report of refused lines.

    *on_progress* receives the number of finished lines and their counts after each chunk.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        client: Client,
        *,
        policy: UnansweredPolicy,
        on_progress: Callable[[int, Mapping[str, int]], object],
    ) -> None:
        self._checkpoint = checkpoint
        self._client = client
        self._policy = policy
        self._on_progress = on_progress

    def run(self, chunks: Iterable[Sequence[ImportLine]]) -> None:
        """Send all *chunks*. Raises FileError when the policy is STOP and a chunk may have taken effect already."""
        for chunk in chunks:
            if self._must_skip(chunk):
                self._finish_chunk(chunk, [_remark(line, SKIPPED, SKIP_REASON) for line in chunk if line.fault is None])
            else:
                self._finish_chunk(chunk, self._send(chunk))
        self._checkpoint.save(finished=True)

    def _must_skip(self, chunk: Sequence[ImportLine]) -> bool:
        """Apply the policy to *chunk* if an earlier process sent it without a response."""
        if self._checkpoint.state.unanswered is None or all(line.repeatable for line in chunk):
            return False
        if self._policy is UnansweredPolicy.STOP:
            first, last = self._checkpoint.state.unanswered
            raise FileError(
                f"Lines {first} to {last} were sent, but no response came. They may have taken effect, and would count"
                " twice if they are sent again. Check one of their profiles, then run the command again with"
                " --unanswered skip if they took effect, or --unanswered send if not."
            )
        return self._policy is UnansweredPolicy.SKIP

    def _send(self, chunk: Sequence[ImportLine]) -> list[dict[str, Any]]:
        """Send the valid lines of *chunk* and return the remarks for the report."""
        arrays = group_by_array(chunk)
        if not arrays:
            return []
        repeatable = all(line.repeatable for line in chunk)
        self._checkpoint.save(unanswered=(chunk[0].line, chunk[-1].line))
        body = {name: [line.given for line in lines] for name, lines in arrays.items()}
        try:
            response = self._client.request("POST", "/users/track", body=body, repeatable=repeatable)
        except Unanswered as error:
            if not error.maybe_done:
                self._checkpoint.save(unanswered=None)
            raise
        content = response.body if isinstance(response.body, dict) else {}
        if response.status != HTTPStatus.BAD_REQUEST or "errors" not in content:
            require_status(response, HTTPStatus.CREATED)
        return [
            *_remarks_on(arrays, content.get("errors", ()), REFUSED),
            *_remarks_on(arrays, content.get("warnings", ()), WARNING),
        ]

    def _finish_chunk(self, chunk: Sequence[ImportLine], remarks: Iterable[dict[str, Any]]) -> None:
        """Write the *remarks* on *chunk* to the report, and save the checkpoint."""
        report = [*(_remark(line, REFUSED, line.fault) for line in chunk if line.fault is not None), *remarks]
        report.sort(key=lambda remark: int(remark["line"]))
        lines = (orjson.dumps(remark, option=orjson.OPT_APPEND_NEWLINE) for remark in report)
        written = self._checkpoint.write(b"".join(lines))
        counts = dict(self._checkpoint.state.counts)
        for name in (*(remark["result"] for remark in report), *_accepted_results(chunk, report)):
            counts[name] = counts.get(name, 0) + 1
        end = chunk[-1].end
        self._checkpoint.save(offset=end.offset, lines=end.lines, written=written, counts=counts, unanswered=None)
        self._on_progress(end.lines, counts)


def _remarks_on(
    arrays: Mapping[str, Sequence[ImportLine]], entries: Iterable[Mapping[str, Any]], result: str
) -> Iterator[dict[str, Any]]:
    """Yield a remark for each of the `errors` or `warnings` in a response of `/users/track`."""
    for entry in entries:
        yield _remark(arrays[entry["input_array"]][entry["index"]], result, entry["type"])


def _remark(line: ImportLine, result: str, reason: str | None) -> dict[str, Any]:
    return {"line": line.line, "result": result, "reason": reason, line.array: line.given}


def _accepted_results(chunk: Sequence[ImportLine], report: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield ACCEPTED for each line of *chunk* that *report* neither refuses nor skips."""
    others = {remark["line"] for remark in report if remark["result"] != WARNING}
    for line in chunk:
        if line.line not in others:
            yield ACCEPTED
