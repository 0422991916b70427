"""Checks of the webhooks: a sender runs if there are any, it can sign, and no notice is dead."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from app.config import Settings
from app.db.connections import Connection
from app.keys.digests import pepper_fingerprint
from cli.doctor.database import QUERIES
from cli.doctor.findings import Finding, fine, notice, wrong

SENDER = "mergelane-sender"
#: Seconds that a due notice may wait for a sender before it is reported.
LATE_S = 60.0


@dataclass
class _Totals:
    """Totals over all workspaces."""

    enabled: int = 0
    gone: int = 0
    dead: int = 0
    late_s: float = 0.0
    peppers: set[str] = field(default_factory=set)


def check_webhooks(connection: Connection, settings: Settings) -> Iterator[Finding]:
    """Yield the findings about webhooks, their deliveries and the sender."""
    totals = _count(connection)
    if not totals.enabled and not totals.gone:
        yield fine("webhooks", "No workspace has a webhook.")
        return
    yield _check_sender(connection, totals)
    yield from _check_secrets(totals, settings)
    if totals.gone:
        yield notice(
            "webhooks",
            f"{totals.gone} webhooks answered 410 Gone and were disabled.",
            "Contact the owners of these webhooks: enable them again, or delete them.",
        )
    yield _check_dead(totals)


def _count(connection: Connection) -> _Totals:
    totals = _Totals()
    for row in connection.execute(QUERIES["workspaces"]).fetchall():
        values = {"workspace_id": row["workspace_id"]}
        (webhooks,) = connection.execute(QUERIES["webhooks"], values).fetchall()
        (deliveries,) = connection.execute(QUERIES["deliveries"], values).fetchall()
        totals.enabled += webhooks["enabled"]
        totals.gone += webhooks["gone"]
        totals.peppers |= set(webhooks["peppers"])
        totals.dead += deliveries["dead"]
        totals.late_s = max(totals.late_s, deliveries["late_s"])
    return totals


def _check_sender(connection: Connection, totals: _Totals) -> Finding:
    sessions = {row["application_name"] for row in connection.execute(QUERIES["sessions"])}
    if totals.enabled and SENDER not in sessions:
        return wrong(
            "sender",
            f"{totals.enabled} webhooks are enabled, but no sender is connected to the database. No notice is sent.",
            "Start a sender: `python -m workers.sender`.",
        )
    if totals.late_s > LATE_S:
        return notice(
            "sender",
            f"A notice has been due for {totals.late_s:.0f} s: there are too few senders, or webhooks are slow.",
            "Check the log of the sender, raise MERGELANE_WEBHOOK_THREADS, or start another sender.",
        )
    return fine("sender", "Notices are sent without delay.")


def _check_secrets(totals: _Totals, settings: Settings) -> Iterator[Finding]:
    """Report secrets whose pepper is unknown, and secrets without a pepper."""
    known = {pepper_fingerprint(pepper) for pepper in (*settings.webhook_pepper, "")}
    if totals.peppers - known:
        yield wrong(
            "webhook secrets",
            "Some webhook secrets use a pepper that MERGELANE_WEBHOOK_PEPPER does not list. Their notices"
            " cannot be signed"
            " and are not sent.",
            "Append that pepper to MERGELANE_WEBHOOK_PEPPER, or rotate the secrets.",
        )
    elif "" in totals.peppers:
        yield notice(
            "webhook secrets",
            "Some webhook secrets have no pepper: an attacker who reads the database can sign notices.",
            "Set MERGELANE_WEBHOOK_PEPPER for web and sender, and rotate the secrets.",
        )


def _check_dead(totals: _Totals) -> Finding:
    if not totals.dead:
        return fine("dead notices", "No notice is dead.")
    return notice(
        "dead notices",
        f"{totals.dead} notices are dead: their webhooks did not accept them in time.",
        "Read their errors (`GET /webhooks/WEBHOOK_ID/notices?state=dead`), and retry them when the webhook works.",
    )
