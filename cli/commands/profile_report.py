"""`mergelane profiles report`: all stored data of one person."""

from pathlib import Path

import click

from cli.bulk.files import STDIN
from cli.commands.downloads import save_stream
from cli.commands.output import print_status
from cli.commands.remote import Remote, remote_options


@click.command("report")
@click.argument("braze_id")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path), default=STDIN)
@remote_options
def save_report(*, braze_id: str, file: Path, remote: Remote) -> None:
    """Write everything that is stored about the person with the profile BRAZE_ID to FILE, as JSON.

    It contains the profile, its present and former names, its history, its jobs and its audit entries. Without FILE it
    goes to standard output. The name of an incomplete file ends in .part. The API key needs the permission
    profiles.report.
    """
    with remote.connect() as client:
        size = save_stream(client.stream(f"/profiles/{braze_id}/report"), file)
    if str(file) != STDIN:
        print_status(f"Wrote the report of {braze_id} to {file} ({size:,} bytes).")
