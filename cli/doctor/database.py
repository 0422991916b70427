"""PostgreSQL as the processes will meet it: its version, the schema, its clock, its room for connections, its log."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from psycopg.conninfo import conninfo_to_dict

from app.config import Settings
from app.db import Connection, load_queries, schema_version
from app.errors import SetupError
from app.keys.digests import fingerprint, newest
from cli.doctor.findings import Finding, fine, notice, wrong

QUERIES = load_queries("cli.doctor", "server.sql")

#: The oldest server that the tests were run on, in PostgreSQL's own notation.
OLDEST = 160_000
#: Seconds by which this machine's clock may differ from the server's.
CLOCK_S = 2.0
#: Connections that one relay may hold: publishing, rescue and pruning.
RELAY_CONNECTIONS = 3
#: Levels of the server's log that leave out the errors of statements, whose texts quote rows.
DISCREET_LEVELS = ("log", "fatal", "panic")
#: Ways of connecting that end in clear text when the server wants it so.
UNSURE = ("", "disable", "allow", "prefer")


def examine(connection: Connection, settings: Settings, *, workers: int) -> Iterator[Finding]:
    """Yield what is to be said about the server behind *connection*; *workers* is how many workers were seen."""
    asked = datetime.now(UTC)
    server = connection.execute(QUERIES["server"]).fetchone()
    answered = datetime.now(UTC)
    if server is None:
        raise SetupError("PostgreSQL tells nothing about itself; look at its log.")
    yield _version(server)
    yield _clock(server["now"], asked, answered)
    yield _room(server["connections"], settings, workers)
    yield from _log(server)
    yield from _encryption(settings.database_url)


def schema(connection: Connection) -> Finding:
    """Return whether this code runs on the schema that is there."""
    current, needed = schema_version.current(connection), schema_version.needed()
    if sentence := schema_version.fault(current):
        return wrong("schema", sentence.partition("; run ")[0] + ".", "Run `mergelane migrate`.")
    if current is not None and current > needed:
        return notice(
            "schema",
            f"The schema is at revision {current}, newer than the {needed} of this version of Mergelane, which runs"
            " on it all the same.",
            "Replace the processes that are older than the schema.",
        )
    return fine("schema", f"The schema is at revision {current}, as this version needs it.")


def indexes(connection: Connection) -> Finding:
    """Return whether every index was built to its end."""
    names = [row["name"] for row in connection.execute(QUERIES["invalid_indexes"])]
    if names:
        return wrong(
            "indexes",
            f"A migration was cut short: it left {', '.join(names)} invalid, which costs as an index does and serves"
            " nobody.",
            "Run `mergelane migrate` again.",
        )
    return fine("indexes", "Every index was built to its end.")


def digests(connection: Connection, settings: Settings) -> Iterator[Finding]:
    """Yield what is to be said about the keys and the peppers of their digests."""
    found = {row["pepper"]: row["keys"] for row in connection.execute(QUERIES["digests"])}
    known = {fingerprint(pepper) for pepper in settings.key_pepper or ("",)}
    lost = sum(keys for pepper, keys in found.items() if pepper not in known)
    late = sum(keys for pepper, keys in found.items() if pepper in known - {fingerprint(newest(settings.key_pepper))})
    if not found:
        yield notice("keys", "There is no key that opens anything.", "Make one with `mergelane keys create`.")
    if lost:
        yield wrong(
            "keys",
            f"The digests of {lost} keys are keyed with a secret that MERGELANE_KEY_PEPPER does not list: these keys"
            " open nothing.",
            "Add that secret at the end of MERGELANE_KEY_PEPPER (nothing, after a comma, for digests without one), or"
            " revoke the keys and make others.",
        )
    if not late and len(settings.key_pepper) > 1:
        yield notice(
            "keys",
            "The older secrets in MERGELANE_KEY_PEPPER are needed by no key any more.",
            "Keep the first of them alone, without a comma.",
        )
    if late:
        yield notice(
            "keys",
            f"The digests of {late} keys are still keyed with an older secret, or with none.",
            "Leave MERGELANE_KEY_PEPPER as it is until they were used once; revoke those that nobody uses.",
        )


def _version(server: Mapping[str, Any]) -> Finding:
    """Return whether the server is new enough."""
    if server["version_number"] < OLDEST:
        return wrong(
            "postgres",
            f"PostgreSQL {server['version']} is older than {OLDEST // 10_000}, the oldest that Mergelane runs on.",
            "Upgrade the server.",
        )
    return fine("postgres", f"PostgreSQL {server['version']} answers.")


def _clock(theirs: datetime, asked: datetime, answered: datetime) -> Finding:
    """Return whether the clocks agree, as far as the way there and back lets one tell."""
    apart = max((asked - theirs).total_seconds(), (theirs - answered).total_seconds(), 0.0)
    if apart > CLOCK_S:
        return wrong(
            "clock",
            f"The clocks of this machine and of PostgreSQL are {apart:.1f} s apart: batches would be listed out of"
            " order, and pruned at the wrong time.",
            "Have both set their clocks from the network (NTP).",
        )
    return fine("clock", "The clocks of this machine and of PostgreSQL agree.")


def _room(connections: int, settings: Settings, workers: int) -> Finding:
    """Return whether the server has room for all connections that the processes may open."""
    web = settings.web_processes * settings.pool_size
    needed = web + RELAY_CONNECTIONS + workers
    told = f"{needed} ({web} of one web machine, {RELAY_CONNECTIONS} of a relay, {workers} of the workers seen)"
    if needed > connections:
        return wrong(
            "connections",
            f"The processes may open more connections than PostgreSQL takes: {told}, and it takes {connections}.",
            "Lower MERGELANE_POOL_SIZE or MERGELANE_WEB_PROCESSES, or raise max_connections.",
        )
    return fine("connections", f"PostgreSQL takes {connections} connections, and the processes may open {told}.")


def _log(server: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield whether the server's own log may quote personal data."""
    quoting = [
        f"log_min_messages = {server['log_min_messages']}"
        for _ in range(server["log_min_messages"] not in DISCREET_LEVELS)
    ]
    if server["log_statement"] != "none":
        quoting.append(f"log_statement = {server['log_statement']}")
    if server["log_min_duration_statement"] != "-1" and server["log_parameter_max_length"] != "0":
        quoting.append("log_min_duration_statement with parameters")
    if quoting:
        yield notice(
            "postgres log",
            f"PostgreSQL's own log may quote rows and values of statements ({', '.join(quoting)}).",
            "Set log_min_messages = log, log_statement = none and log_parameter_max_length = 0 on the server, or treat"
            " its log as personal data.",
        )


def _encryption(database_url: str) -> Iterator[Finding]:
    """Yield whether what goes over a network to PostgreSQL goes encrypted."""
    known = conninfo_to_dict(database_url)
    host = str(known.get("host") or "")
    if not is_near(host) and str(known.get("sslmode") or "") in UNSURE:
        yield notice(
            "encryption",
            f"What goes to PostgreSQL on {host} may go in clear text: DATABASE_URL does not insist on TLS.",
            "Add sslmode=verify-full and sslrootcert=PATH to DATABASE_URL.",
        )


def is_near(host: str) -> bool:
    """Return whether *host*, as URLs name it, is this machine."""
    return host in {"", "localhost", "::1"} or host.startswith(("/", "127."))
