"""The run of the API that a file becomes: created before its first batch, and closed after its last."""

from http import HTTPStatus
from pathlib import PurePath

from cli.bulk.files import STDIN
from cli.client import Client, Response, require_status
from schemas.outcomes import RunStatus
from schemas.runs import MAX_LABEL
from schemas.text import replace_controls

HEADER = "Merge-Run"
#: A key without the permission, or a server of an older version.
WITHOUT_RUNS = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED})


def create_file_run(client: Client, *, file: str, kind: str) -> str | None:
    """Create a run with the name of *file* as its label and return its id.

    Returns None when the key may not create runs, or the server has none: the file is processed without a run.
    """
    # The bytes of a name need not be UTF-8.
    name = replace_controls(PurePath(file).name.encode(errors="replace").decode())
    label = "standard input" if file == STDIN else name[-MAX_LABEL:]
    response = client.request("POST", "/merge/runs", body={"label": label, "kind": kind}, repeatable=False)
    if response.status in WITHOUT_RUNS:
        return None
    run_id: str = require_status(response, HTTPStatus.CREATED).body["run_id"]
    return run_id


def close_file_run(client: Client, run_id: str) -> None:
    """Close a run; one that is closed already stays as it is."""
    response = client.request("POST", f"/merge/runs/{run_id}/close")
    if response.status not in {HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND}:
        require_status(response, HTTPStatus.OK)


def header_of(run_id: str | None) -> dict[str, str]:
    """Return the header with which a request joins the run."""
    return {} if run_id is None else {HEADER: run_id}


def is_refused_by_run(client: Client, response: Response, headers: dict[str, str]) -> bool:
    """Return whether *response*, a conflict, is final because the run of the request is not open any more."""
    run_id = headers.get(HEADER)
    if run_id is None or response.status != HTTPStatus.CONFLICT:
        return False
    run = client.request("GET", f"/merge/runs/{run_id}")
    return run.status == HTTPStatus.OK and run.body["state"] != RunStatus.OPEN
