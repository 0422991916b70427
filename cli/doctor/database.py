"""Checks of PostgreSQL: version, schema, indexes, clock, number of connections, log, encryption, and key digests."""

from collections.abc import Iterator, Mapping
from typing import Any

from psycopg.conninfo import conninfo_to_dict

from app.config import Settings
from app.db import schema_version
from app.db.clock import SERVER_CLOCK, TOLERANCE_S
from app.db.connections import Connection
from app.db.queries import load_queries
from app.errors import SetupError
from app.keys.digests import newest_pepper, pepper_fingerprint
from cli.doctor.findings import Finding, fine, notice, wrong

QUERIES = load_queries("cli.doctor", "server.sql")

#: The oldest server version that is tested, as PostgreSQL's `server_version_num`.
OLDEST = 160_000
#: Allowed difference between the clocks of this machine and of the server, in seconds.
CLOCK_S = 2.0
#: Connections of one relay: publishing, rescue and pruning.
RELAY_CONNECTIONS = 3
#: Log levels of the server without errors of statements, whose texts contain rows.
LEVELS_WITHOUT_ROWS = ("log", "fatal", "panic")
#: Values of sslmode that allow a connection without encryption.
UNENCRYPTED_MODES = ("", "disable", "allow", "prefer")


def check_server(connection: Connection, settings: Settings, *, workers: int) -> Iterator[Finding]:
    """Yield the findings about the server; *workers* is the number of running workers."""
    server = connection.execute(QUERIES["server"]).fetchone()
    if server is None:
        raise SetupError("PostgreSQL returned no row about its configuration. Check its log.")
    yield _check_version(server)
    if server["read_only"]:
        yield _report_read_only(standby=server["standby"])
    yield _check_clock(SERVER_CLOCK.read(connection))
    yield _check_connections(server["connections"], settings, workers)
    yield from _check_log(server)
    yield from _check_encryption(settings.database_url)


def check_schema(connection: Connection) -> Finding:
    """Report a schema that is older or newer than this version of Mergelane."""
    current, needed = schema_version.current_revision(connection), schema_version.required_revision()
    if sentence := schema_version.find_mismatch(current):
        return wrong("schema", sentence.partition("; run ")[0] + ".", "Run `mergelane migrate`.")
    if current is not None and current > needed:
        return notice(
            "schema",
            f"The schema is at revision {current}, newer than revision {needed} of this version of Mergelane."
            f" This version"
            " works with it.",
            "Update the processes to the version of the schema.",
        )
    return fine("schema", f"The schema is at revision {current}, the revision of this version.")


def check_indexes(connection: Connection) -> Finding:
    """Report indexes that an interrupted migration left invalid."""
    names = [row["name"] for row in connection.execute(QUERIES["invalid_indexes"])]
    if names:
        return wrong(
            "indexes",
            f"A migration was interrupted and left invalid indexes: {', '.join(names)}. They cost time at every"
            f" write and"
            " no query uses them.",
            "Run `mergelane migrate` again.",
        )
    return fine("indexes", "Every index is valid.")


def check_digests(connection: Connection, settings: Settings) -> Iterator[Finding]:
    """Yield findings about API keys and the peppers of their digests."""
    found = {row["pepper"]: row["keys"] for row in connection.execute(QUERIES["digests"])}
    known = {pepper_fingerprint(pepper) for pepper in settings.key_pepper or ("",)}
    lost = sum(keys for pepper, keys in found.items() if pepper not in known)
    late = sum(
        keys
        for pepper, keys in found.items()
        if pepper in known - {pepper_fingerprint(newest_pepper(settings.key_pepper))}
    )
    if not found:
        yield notice("keys", "There is no valid API key.", "Create one with `mergelane keys create`.")
    if lost:
        yield wrong(
            "keys",
            f"The digests of {lost} keys use a pepper that MERGELANE_KEY_PEPPER does not list. These keys are refused.",
            "Append that pepper to MERGELANE_KEY_PEPPER (a comma alone for digests without a pepper), or revoke"
            " the keys"
            " and create new ones.",
        )
    if not late and len(settings.key_pepper) > 1:
        yield notice(
            "keys",
            "No key needs the older peppers in MERGELANE_KEY_PEPPER.",
            "Keep only the first pepper, without a comma.",
        )
    if late:
        yield notice(
            "keys",
            f"The digests of {late} keys still use an older pepper, or none.",
            "Keep MERGELANE_KEY_PEPPER until each key was used once. Revoke unused keys.",
        )


def _check_version(server: Mapping[str, Any]) -> Finding:
    if server["version_number"] < OLDEST:
        return wrong(
            "postgres",
            f"PostgreSQL {server['version']} is older than {OLDEST // 10_000}, the oldest version that"
            f" Mergelane supports.",
            "Upgrade the server.",
        )
    return fine("postgres", f"PostgreSQL {server['version']} responds.")


def _report_read_only(*, standby: bool) -> Finding:
    cause = "it is a standby" if standby else "default_transaction_read_only is on"
    return wrong(
        "postgres",
        f"PostgreSQL is read-only ({cause}): requests get 503, and no job runs.",
        "Point DATABASE_URL at the primary." if standby else "Reset default_transaction_read_only, or end its cause.",
    )


def _check_clock(apart: float) -> Finding:
    """Report the difference between the clocks, in seconds."""
    if apart > CLOCK_S:
        return wrong(
            "clock",
            f"The clocks of this machine and of PostgreSQL differ by {apart:.1f} s. A relay whose clock differs by"
            f" more than {TOLERANCE_S:g} s deletes no old rows, and Redis redelivers messages at the wrong time.",
            "Synchronize both clocks with NTP.",
        )
    return fine("clock", "The clocks of this machine and of PostgreSQL agree.")


def _check_connections(connections: int, settings: Settings, workers: int) -> Finding:
    """Compare the connections that the processes may open with the limit of the server."""
    web = settings.web_processes * settings.pool_size
    needed = web + RELAY_CONNECTIONS + workers
    details = (
        f"{needed} ({web} for one web machine, {RELAY_CONNECTIONS} for a relay, {workers} for the running workers)"
    )
    if needed > connections:
        return wrong(
            "connections",
            f"The processes may open {details} connections, but PostgreSQL allows {connections}.",
            "Lower MERGELANE_POOL_SIZE or MERGELANE_WEB_PROCESSES, or raise max_connections.",
        )
    return fine("connections", f"PostgreSQL allows {connections} connections; the processes may open {details}.")


def _check_log(server: Mapping[str, Any]) -> Iterator[Finding]:
    """Report settings by which the log of the server contains personal data."""
    quoting = [
        f"log_min_messages = {server['log_min_messages']}"
        for _ in range(server["log_min_messages"] not in LEVELS_WITHOUT_ROWS)
    ]
    if server["log_statement"] != "none":
        quoting.append(f"log_statement = {server['log_statement']}")
    if server["log_min_duration_statement"] != "-1" and server["log_parameter_max_length"] != "0":
        quoting.append("log_min_duration_statement with parameters")
    if quoting:
        yield notice(
            "postgres log",
            f"The log of PostgreSQL may contain rows and values of statements ({', '.join(quoting)}).",
            "Set log_min_messages = log, log_statement = none and log_parameter_max_length = 0 on the server,"
            " or protect its"
            " log like personal data.",
        )


def _check_encryption(database_url: str) -> Iterator[Finding]:
    known = conninfo_to_dict(database_url)
    host = str(known.get("host") or "")
    if not all(map(is_local, host.split(","))) and str(known.get("sslmode") or "") in UNENCRYPTED_MODES:
        yield notice(
            "encryption",
            f"The connection to PostgreSQL on {host} may be unencrypted: DATABASE_URL does not require TLS.",
            "Add sslmode=verify-full and sslrootcert=PATH to DATABASE_URL.",
        )


def is_local(host: str) -> bool:
    """Return whether *host*, as in a URL, is this machine."""
    return host in {"", "localhost", "::1"} or host.startswith(("/", "127."))
