"""The webhooks: is a sender at work where there are any, can it sign, and were notices given up."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from app.config import Settings
from app.db import Connection
from app.keys.digests import fingerprint
from cli.doctor.database import QUERIES
from cli.doctor.findings import Finding, fine, notice, wrong

SENDER = "mergelane-sender"
#: Seconds that a due notice may wait for a sender before somebody should know.
LATE_S = 60.0


@dataclass
class _Seen:
    """What was seen in all workspaces."""

    enabled: int = 0
    gone: int = 0
    dead: int = 0
    late_s: float = 0.0
    peppers: set[str] = field(default_factory=set)


def examine(connection: Connection, settings: Settings) -> Iterator[Finding]:
    """Yield what is to be said about webhooks, their notices and the sender."""
    seen = _look(connection)
    if not seen.enabled and not seen.gone:
        yield fine("webhooks", "No workspace has a webhook.")
        return
    yield _sender(connection, seen)
    yield from _secrets(seen, settings)
    if seen.gone:
        yield notice(
            "webhooks",
            f"{seen.gone} webhooks answered 410 Gone and were disabled.",
            "Have those whom they belong to enable them, or delete them.",
        )
    yield _dead(seen)


def _look(connection: Connection) -> _Seen:
    """Return what there is in all workspaces."""
    seen = _Seen()
    for row in connection.execute(QUERIES["workspaces"]).fetchall():
        values = {"workspace_id": row["workspace_id"]}
        (webhooks,) = connection.execute(QUERIES["webhooks"], values).fetchall()
        (notices,) = connection.execute(QUERIES["notices"], values).fetchall()
        seen.enabled += webhooks["enabled"]
        seen.gone += webhooks["gone"]
        seen.peppers |= set(webhooks["peppers"])
        seen.dead += notices["dead"]
        seen.late_s = max(seen.late_s, notices["late_s"])
    return seen


def _sender(connection: Connection, seen: _Seen) -> Finding:
    """Return whether a sender is at work and keeps up."""
    sessions = {row["application_name"] for row in connection.execute(QUERIES["sessions"])}
    if seen.enabled and SENDER not in sessions:
        return wrong(
            "sender",
            f"{seen.enabled} webhooks are to be told of finished batches, and no sender is connected to the database.",
            "Start one: `python -m workers.sender`.",
        )
    if seen.late_s > LATE_S:
        return notice(
            "sender",
            f"A notice has been due for {seen.late_s:.0f} s: senders do not keep up, or webhooks are slow.",
            "Look at the log of the sender, raise MERGELANE_WEBHOOK_THREADS, or start another one.",
        )
    return fine("sender", "Notices are sent as they come.")


def _secrets(seen: _Seen, settings: Settings) -> Iterator[Finding]:
    """Yield whether the secrets of all webhooks can be made, and whether the table alone makes them."""
    known = {fingerprint(pepper) for pepper in (*settings.webhook_pepper, "")}
    if seen.peppers - known:
        yield wrong(
            "webhook secrets",
            "Secrets of webhooks were made with a pepper that MERGELANE_WEBHOOK_PEPPER does not list: nothing is signed"
            " with them, and nothing sent.",
            "Add that pepper at the end of MERGELANE_WEBHOOK_PEPPER, or rotate the secrets.",
        )
    elif "" in seen.peppers:
        yield notice(
            "webhook secrets",
            "Secrets of webhooks were made without a pepper: whoever reads the database can sign as Mergelane does.",
            "Set MERGELANE_WEBHOOK_PEPPER for web and sender, and rotate the secrets.",
        )


def _dead(seen: _Seen) -> Finding:
    """Return whether notices were given up."""
    if not seen.dead:
        return fine("dead notices", "No notice is dead.")
    return notice(
        "dead notices",
        f"{seen.dead} notices are dead: their webhooks did not take them in time.",
        "Read their errors (`GET /webhooks/WEBHOOK_ID/notices?state=dead`), and retry them when the webhook works.",
    )
