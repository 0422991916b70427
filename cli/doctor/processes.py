"""The processes: is a relay at work, and does Flower show itself to strangers."""

from collections.abc import Iterator, Sequence
from ipaddress import ip_address

import psutil

from app.config import Settings
from app.db import Connection
from cli.doctor.database import QUERIES
from cli.doctor.findings import Finding, fine, notice, wrong

RELAY = "mergelane-relay"
#: Seconds without a query after which a relay, which asks many times in a second, is not at work any more.
SILENT_S = 10.0


def relays(connection: Connection) -> Finding:
    """Return whether a relay is at work: it never stops asking the database, and so shows there."""
    sessions = {row["application_name"]: row for row in connection.execute(QUERIES["sessions"])}
    if RELAY not in sessions:
        return wrong(
            "relay",
            "No relay is connected to the database: jobs are accepted and not published, lost ones are not found.",
            "Start one: `python -m workers.relay`.",
        )
    silent = sessions[RELAY]["silent_s"]
    if silent is not None and silent > SILENT_S:
        return wrong(
            "relay",
            f"A relay is connected and has asked nothing for {silent:.0f} s: it hangs.",
            "Look at its log, and restart it; whatever it was doing is not lost.",
        )
    return fine("relay", "A relay is at work.")


def flowers(settings: Settings) -> Iterator[Finding]:
    """Yield whether a Flower on this machine shows itself to other machines without asking for a password."""
    if not settings.flower_basic_auth:
        yield notice(
            "flower",
            "Flower asks for no password here (MERGELANE_FLOWER_BASIC_AUTH is not set); it shows ids of jobs alone.",
            "Set it to USER:PASSWORD wherever others share this machine.",
        )
    for process in psutil.process_iter():
        command, guarded = _look(process)
        if _is_flower(command) and _listens_beyond(command) and not guarded:
            yield wrong(
                "flower",
                f"The Flower in process {process.pid} listens beyond this machine and asks for no password.",
                "Start it with --address=127.0.0.1, or with FLOWER_BASIC_AUTH=USER:PASSWORD.",
            )


def _look(process: psutil.Process) -> tuple[Sequence[str], bool]:
    """Return the command of *process*, and whether it was given a password; nothing if it may not be seen."""
    try:
        command = process.cmdline()
        guarded = any("basic_auth" in word or "basic-auth" in word for word in command)
        return command, guarded or (_is_flower(command) and bool(process.environ().get("FLOWER_BASIC_AUTH")))
    except psutil.Error:
        return (), True


def _is_flower(command: Sequence[str]) -> bool:
    """Return whether *command* is that of our Flower."""
    return "flower" in command and "workers" in command


def _listens_beyond(command: Sequence[str]) -> bool:
    """Return whether a Flower started by *command* can be reached from other machines, as it can by default."""
    addresses = [word.partition("=")[2] for word in command if word.startswith("--address=")]
    if not addresses:
        return True
    try:
        return not ip_address(addresses[-1]).is_loopback
    except ValueError:
        return addresses[-1] != "localhost"
