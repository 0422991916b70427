"""Checks of the processes: the relay works, and Flower is protected."""

from collections.abc import Iterator, Sequence
from ipaddress import ip_address

import psutil

from app.config import Settings
from app.db.connections import Connection
from cli.doctor.database import QUERIES
from cli.doctor.findings import Finding, fine, notice, wrong

RELAY = "mergelane-relay"
#: Seconds without a query after which a relay hangs; it sends many queries per second.
SILENT_S = 10.0


def check_relay(connection: Connection) -> Finding:
    """Check that a relay sends queries to the database, as it always does."""
    sessions = {row["application_name"]: row for row in connection.execute(QUERIES["sessions"])}
    if RELAY not in sessions:
        return wrong(
            "relay",
            "No relay is connected to the database. Jobs are not published, and lost jobs are not rescued.",
            "Start a relay: `python -m workers.relay`.",
        )
    silent = sessions[RELAY]["silent_s"]
    if silent is not None and silent > SILENT_S:
        return wrong(
            "relay",
            f"A relay is connected but has sent no query for {silent:.0f} s: it hangs.",
            "Check its log and restart it. No job is lost.",
        )
    return fine("relay", "A relay is running.")


def check_flower(settings: Settings) -> Iterator[Finding]:
    """Report a Flower on this machine without a password."""
    if not settings.flower_basic_auth:
        yield notice(
            "flower",
            "Flower has no password (MERGELANE_FLOWER_BASIC_AUTH is not set). It shows only ids of jobs.",
            "Set it to USER:PASSWORD if other users share this machine.",
        )
    for process in psutil.process_iter():
        command, guarded = _inspect(process)
        if _is_flower(command) and _listens_beyond(command) and not guarded:
            yield wrong(
                "flower",
                f"Flower (process {process.pid}) listens beyond this machine and has no password.",
                "Start it with --address=127.0.0.1, or with FLOWER_BASIC_AUTH=USER:PASSWORD.",
            )


def _inspect(process: psutil.Process) -> tuple[Sequence[str], bool]:
    """Return the command of *process*, and whether it has a password; an empty command without access to it."""
    try:
        command = process.cmdline()
        guarded = any("basic_auth" in word or "basic-auth" in word for word in command)
        return command, guarded or (_is_flower(command) and bool(process.environ().get("FLOWER_BASIC_AUTH")))
    except psutil.Error:
        return (), True


def _is_flower(command: Sequence[str]) -> bool:
    """Return whether *command* starts the Flower of Mergelane."""
    return "flower" in command and "workers" in command


def _listens_beyond(command: Sequence[str]) -> bool:
    """Return whether the Flower of *command* listens to other machines; it does by default."""
    addresses = [word.partition("=")[2] for word in command if word.startswith("--address=")]
    if not addresses:
        return True
    try:
        return not ip_address(addresses[-1]).is_loopback
    except ValueError:
        return addresses[-1] != "localhost"
