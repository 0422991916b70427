"""`mergelane merge --undo`: takes back the merges of an outcome file, from its last line to its first."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from uuid import UUID

from app.text_files.header import read_header
from app.text_files.records import read_records
from cli.bulk.files import FileError, FileFormat, detect_format
from cli.bulk.merge_batches import WAIT_S, wait_for_batch
from cli.bulk.reading.source import Source, open_source
from cli.client import Client, error_message, require_status
from schemas.outcomes import JobState, Outcome

#: Outcomes of lines that have something to undo.
MERGED = frozenset({Outcome.MERGED.value, Outcome.IDENTIFIED.value})
#: An undo that a later merge prevents; it is tried again after the others.
IN_THE_WAY = Outcome.NOT_UNDOABLE.value
UNDONE = Outcome.UNDONE.value
#: The result of a merge that has nothing to undo any more, or that another undo takes back.
REFUSED = "refused"
#: The results after which the file is not taken back whole.
LEFT = frozenset({IN_THE_WAY, REFUSED, JobState.DEAD.value})

OnProgress = Callable[[int, Mapping[str, int]], object]


def undo_outcomes(client: Client, job_ids: Sequence[str], *, on_progress: OnProgress) -> Mapping[str, int]:
    """Undo the merges *job_ids*, in the order of their file; return the number of merges by result.

    The last line is undone first. A merge that cannot be undone yet, because a later one is in the way, is tried again
    after the others, as long as that helps. Raises FileError when the workspace has no such job.
    """
    counts: Counter[str] = Counter()
    waiting: Sequence[str] = job_ids[::-1]
    while waiting:
        blocked = []
        for job_id in waiting:
            result = _undo(client, job_id)
            if result == IN_THE_WAY:
                blocked.append(job_id)
                continue
            counts[result] += 1
            on_progress(sum(counts.values()), counts)
        if len(blocked) == len(waiting):
            counts[IN_THE_WAY] += len(blocked)
            break
        waiting = blocked
    return counts


def _undo(client: Client, job_id: str) -> str:
    """Undo one merge, wait for its end, and return its result."""
    headers = {"Prefer": f"wait={WAIT_S}"}
    response = client.request("POST", f"/merge/jobs/{job_id}/undo", headers=headers, repeatable=False)
    if response.status == HTTPStatus.CONFLICT:
        # An earlier run of the command may have undone it.
        return UNDONE if client.get(f"/merge/jobs/{job_id}")["undone_at"] else REFUSED
    if response.status == HTTPStatus.NOT_FOUND:
        raise FileError(
            f"The API key cannot read the job {job_id}: {error_message(response.body)} Use the key of the workspace in"
            " which the file was merged."
        )
    body = require_status(response, HTTPStatus.ACCEPTED).body
    batch = body.get("batch") or {}
    finished = batch if batch.get("state") == JobState.FINISHED else wait_for_batch(client, body["batch_id"])
    (undo,) = finished["jobs"]
    return str(undo["outcome"] or undo["state"])


def read_job_ids(file: Path) -> list[str]:
    """Return the ids of the jobs that merged, in the order of the outcome file; raise FileError without any."""
    form = detect_format(str(file), None)
    with open_source(str(file), form, spool=file.parent) as source:
        found = list(_job_ids(source))
    if not found:
        raise FileError(f"{file} has no line with the outcome merged and a job_id. Name an outcome file.")
    return found


def _job_ids(source: Source) -> Iterator[str]:
    header = read_header(source) if source.form is FileFormat.CSV else None
    for record in read_records(source, header):
        value = record.value if isinstance(record.value, Mapping) else {}
        if value.get("outcome") in MERGED:
            yield _check_id(str(value.get("job_id")), source.name, record.line)


def _check_id(text: str, name: str, line: int) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise FileError(f"Line {line} of {name} has no job_id. Name an outcome file that is unchanged.") from None
