"""Imports the lines of a file through `/users/track`, chunk by chunk, and reports refused lines."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson

from cli.bulk.file_run import header_of, post_once
from cli.bulk.files import FileError, UnansweredPolicy
from cli.bulk.import_lines import TEXT, ImportLine, group_by_array
from cli.bulk.outputs.checkpoint import Checkpoint
from cli.client import Client, Response, Unanswered, require_status
from schemas.json_values import dump_printable

PATH = "/users/track"
ACCEPTED, REFUSED, SKIPPED = "accepted", "refused", "skipped"
#: The line is valid, but it had no effect, or a part of it had none.
WARNING = "warning"
#: The line is valid, but it had no effect: it names no profile. The report has it as a warning.
UNPROCESSED = "unprocessed"
SKIP_REASON = "The line was sent and no response came. It was not sent again; it may have taken effect."


@dataclass(frozen=True, slots=True)
class SentChunk:
    """The result of a request: the remarks for the report, and the number of valid lines without effect."""

    remarks: Sequence[dict[str, Any]] = ()
    unprocessed: int = 0


class ImportRun:
    """Sends the chunks of an import file one after the other and writes the report of refused lines.

    *open_run* creates the run of the API before the first request: a file without a valid line needs no server.
    *on_progress* receives the number of finished lines and their counts after each chunk. *reading* says how to read
    lines that are in the report as text.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        client: Client,
        *,
        policy: UnansweredPolicy,
        open_run: Callable[[], object],
        on_progress: Callable[[int, Mapping[str, int]], object],
        reading: Mapping[str, Any] | None = None,
    ) -> None:
        self._checkpoint = checkpoint
        self._client = client
        self._policy = policy
        self._open_run = open_run
        self._has_sent = not checkpoint.state.counts.keys() <= {REFUSED}
        self._on_progress = on_progress
        self._reading = reading or {}

    def run(self, chunks: Iterable[Sequence[ImportLine]]) -> None:
        """Send all *chunks*. Raises FileError when the policy is STOP and a chunk may have taken effect already."""
        for chunk in chunks:
            if self._must_skip(chunk):
                skipped = [_remark(line, SKIPPED, SKIP_REASON) for line in chunk if line.fault is None]
                self._finish_chunk(chunk, SentChunk(skipped))
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

    def _send(self, chunk: Sequence[ImportLine]) -> SentChunk:
        """Send the valid lines of *chunk* and return the result."""
        arrays = group_by_array(chunk)
        if not arrays:
            return SentChunk()
        if not self._has_sent:
            self._open_run()
            self._has_sent = True
        self._checkpoint.save(unanswered=(chunk[0].line, chunk[-1].line))
        body = {name: [line.given for line in lines] for name, lines in arrays.items()}
        try:
            response = self._post(chunk, body)
        except Unanswered as error:
            if not error.maybe_done:
                self._checkpoint.save(unanswered=None)
            raise
        content = response.body if isinstance(response.body, dict) else {}
        if response.status != HTTPStatus.BAD_REQUEST or "errors" not in content:
            require_status(response, HTTPStatus.CREATED)
        refused = list(_remarks_on(arrays, content.get("errors", ()), REFUSED))
        warnings = _remarks_on(arrays, content.get("warnings", ()), WARNING)
        return SentChunk([*refused, *warnings], unprocessed=_count_unprocessed(arrays, content))

    def _post(self, chunk: Sequence[ImportLine], body: Mapping[str, Any]) -> Response:
        """Send *body*. In a run, it has a key by which the server recognises a repetition, and counts it once."""
        run_id = self._checkpoint.state.run_id
        if run_id is None:
            repeatable = all(line.repeatable for line in chunk)
            return self._client.request("POST", PATH, body=body, repeatable=repeatable)
        key = f"import-{run_id}-{chunk[0].line}-{chunk[-1].end.offset}"
        return post_once(self._client, PATH, body=body, headers={"Idempotency-Key": key, **header_of(run_id)})

    def _finish_chunk(self, chunk: Sequence[ImportLine], sent: SentChunk) -> None:
        """Write the remarks on *chunk* to the report, and save the checkpoint."""
        report = [*(self._refusal(line) for line in chunk if line.fault is not None), *sent.remarks]
        report.sort(key=lambda remark: int(remark["line"]))
        lines = (dump_printable(remark, option=orjson.OPT_APPEND_NEWLINE) for remark in report)
        written = self._checkpoint.write(b"".join(lines))
        counts = Counter(self._checkpoint.state.counts)
        counts.update(str(remark["result"]) for remark in report)
        # Adding counters leaves out counts of zero.
        counts += Counter({ACCEPTED: _count_valid(chunk, report) - sent.unprocessed, UNPROCESSED: sent.unprocessed})
        end = chunk[-1].end
        self._checkpoint.save(offset=end.offset, lines=end.lines, written=written, counts=dict(counts), unanswered=None)
        self._on_progress(end.lines, counts)

    def _refusal(self, line: ImportLine) -> dict[str, Any]:
        """Return the remark on an invalid line; a line that could not be parsed is in it as text, with *reading*."""
        if line.text is None:
            return _remark(line, REFUSED, line.fault)
        return {"line": line.line, "result": REFUSED, "reason": line.fault, TEXT: line.text, **self._reading}


def _remarks_on(
    arrays: Mapping[str, Sequence[ImportLine]], entries: Iterable[Mapping[str, Any]], result: str
) -> Iterator[dict[str, Any]]:
    """Yield a remark for each of the `errors` or `warnings` in a response of `/users/track`."""
    for entry in entries:
        yield _remark(arrays[entry["input_array"]][entry["index"]], result, entry["type"])


def _remark(line: ImportLine, result: str, reason: str | None) -> dict[str, Any]:
    return {"line": line.line, "result": result, "reason": reason, line.array: line.given}


def _count_valid(chunk: Sequence[ImportLine], report: Iterable[Mapping[str, Any]]) -> int:
    """Return the number of lines of *chunk* that *report* neither refuses nor skips."""
    others = {remark["line"] for remark in report if remark["result"] != WARNING}
    return sum(line.line not in others for line in chunk)


def _count_unprocessed(arrays: Mapping[str, Sequence[ImportLine]], content: Mapping[str, Any]) -> int:
    """Return the number of lines that a response of `/users/track` neither refuses nor counts as processed."""
    refused = Counter(entry["input_array"] for entry in content.get("errors", ()))
    # An array without a valid object has no count.
    return sum(
        len(lines) - refused[name] - content.get(f"{name}_processed", len(lines) - refused[name])
        for name, lines in arrays.items()
    )
