"""The run of the API that a file becomes: created before its first batch, and closed after its last."""

from collections.abc import Callable, Mapping
from contextlib import closing
from http import HTTPStatus
from pathlib import PurePath
from threading import Event
from time import monotonic
from typing import Any

from app.errors import MergelaneError
from cli.bulk.files import STDIN
from cli.bulk.import_options import ImportOptions
from cli.bulk.outputs.checkpoint import Checkpoint
from cli.client import Client, Response, require_status
from schemas.outcomes import RunKind, RunStatus
from schemas.runs import MAX_LABEL
from schemas.text import replace_controls

HEADER = "Merge-Run"
#: A key without the permission, or a server of an older version.
WITHOUT_RUNS = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED})
PAUSED = (
    "The run {run_id} is paused: {reason} Look at its jobs (`mergelane jobs list --run {run_id}`). Then resume it with"
    " `mergelane runs resume {run_id}`, or cancel it with `mergelane runs cancel {run_id}`, and run this command again."
)


class RunPaused(MergelaneError):
    """The jobs of the run wait until a person resumes or cancels it."""


def create_file_run(client: Client, *, file: str, kind: str, max_failures: int | str | None = None) -> str | None:
    """Create a run with the name of *file* as its label and return its id. More than *max_failures* pause it.

    Returns None when the key may not create runs, or the server has none: the file is processed without a run. Raises
    Refused when it should have a limit.
    """
    # The bytes of a name need not be UTF-8.
    name = replace_controls(PurePath(file).name.encode(errors="replace").decode())
    label = "standard input" if file == STDIN else name[-MAX_LABEL:]
    body: dict[str, Any] = {"label": label, "kind": kind}
    if max_failures is not None:
        body["max_failures"] = max_failures
    response = client.request("POST", "/merge/runs", body=body, repeatable=False)
    if response.status in WITHOUT_RUNS and max_failures is None:
        return None
    run_id: str = require_status(response, HTTPStatus.CREATED).body["run_id"]
    return run_id


def open_import_run(checkpoint: Checkpoint, options: ImportOptions) -> str | None:
    """Return the run of an import, which is created unless there is one; None for a dry run."""
    if checkpoint.state.run_id is None and not options.dry_run:
        with closing(options.new_client(Event())) as client:
            checkpoint.save(run_id=create_file_run(client, file=options.file, kind=RunKind.IMPORT))
    return checkpoint.state.run_id


def close_file_run(client: Client, run_id: str) -> None:
    """Close a run; one that is closed already stays as it is."""
    response = client.request("POST", f"/merge/runs/{run_id}/close")
    if response.status not in {HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND}:
        require_status(response, HTTPStatus.OK)


def close_run_of(checkpoint: Checkpoint, new_client: Callable[[Event], Client]) -> None:
    """Close the run of a file that is done."""
    if checkpoint.state.run_id is not None:
        with closing(new_client(Event())) as client:
            close_file_run(client, checkpoint.state.run_id)


def header_of(run_id: str | None) -> dict[str, str]:
    """Return the header with which a request joins the run."""
    return {} if run_id is None else {HEADER: run_id}


def stop_if_paused(client: Client, run_id: str | None) -> None:
    """Raise RunPaused when the run is paused, because too many of its jobs have failed."""
    if run_id is None:
        return
    response = client.request("GET", f"/merge/runs/{run_id}")
    # A server of an older version pauses no run.
    if response.status == HTTPStatus.OK and response.body.get("paused_at"):
        raise RunPaused(PAUSED.format(run_id=run_id, reason=response.body["paused_reason"]))


def post_once(
    client: Client, path: str, *, body: Any, headers: Mapping[str, str], query: Mapping[str, str] | None = None
) -> Response:
    """Send *body* with an Idempotency-Key; repeat while the server still processes an earlier request with it (409)."""
    started = monotonic()
    while True:
        response = client.request("POST", path, body=body, query=query, headers=headers)
        if response.status != HTTPStatus.CONFLICT or client.stopped or is_refused_by_run(client, response, headers):
            return response
        client.wait_to_poll(response, waited_s=monotonic() - started)


def is_refused_by_run(client: Client, response: Response, headers: Mapping[str, str]) -> bool:
    """Return whether *response*, a conflict, is final because the run of the request is not open any more."""
    run_id = headers.get(HEADER)
    if run_id is None or response.status != HTTPStatus.CONFLICT:
        return False
    run = client.request("GET", f"/merge/runs/{run_id}")
    return run.status == HTTPStatus.OK and run.body["state"] != RunStatus.OPEN
