"""The one reader of DATABASE_URL. libpq parses it, and adds what the PG* variables and a service file say.

libpq quotes the text that it cannot read, and a text that cannot be read may be a password. So no message here contains
a part of the URL.
"""

import re
from collections.abc import Mapping
from typing import Any, cast

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo

SCHEMES = ("postgresql://", "postgres://")
MALFORMED = (
    "It cannot be read. Write it as postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with every special character of the"
    " password percent-encoded (`@` is %40, `/` is %2F, `%` is %25), or name the server in PGHOST, PGUSER, PGPASSWORD"
    " and PGDATABASE instead."
)
#: Parameters that are whole numbers: timeouts; those of the user replace ours. libpq reads some of them only when it
#: connects.
WHOLE_NUMBERS = (
    "connect_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
)
#: Session settings that have a variable of their own; that of the URL would have no effect.
OWN_VARIABLES = {
    "statement_timeout": "MERGELANE_STATEMENT_TIMEOUT_MS",
    "lock_timeout": "MERGELANE_LOCK_TIMEOUT_MS",
    "idle_in_transaction_session_timeout": "MERGELANE_IDLE_TIMEOUT_MS",
}
#: A setting in `options`: -c name=value, -cname=value or --name=value.
SESSION_SETTING = re.compile(r"(?:\A|(?<=\s))(?:-c\s*|--)([A-Za-z_][A-Za-z0-9_.-]*)\s*=")
#: The search_path among our options, which that of the user replaces: it names the schema of the tables.
OUR_SEARCH_PATH = re.compile(r"(?:\A|\s)-c search_path=\S*")
#: A server to which no connection is opened: libpq checks all parameters before it finds that the socket is missing.
NOWHERE = {"host": "/-", "hostaddr": "", "port": "1"}
NOT_CONNECTED = "connection to server on socket"
HIGHEST_PORT = 65_535
#: What PostgreSQL's client library says beside the reason of a failure.
NOISE = re.compile(
    r"(?:host: \S+, port: \S+, hostaddr: \S+: (?=connection failed: connection to))?connection failed: "
    r"|connection is bad: |\s*Is the server running [^?]*\?"
)
LONGEST_REASON = 500


def check_database_url(text: str) -> None:
    """Raise ValueError, whose message has no part of *text*, unless libpq can connect with it."""
    given = parse_database_url(text)
    _check_servers({**_server_of_environment(), **given})
    if "application_name" in given:
        raise ValueError("It sets application_name, which Mergelane sets itself. Remove it.")
    for name in _session_settings(given.get("options", "")):
        if name in OWN_VARIABLES:
            raise ValueError(f"Its options set {name}. Remove that, and set {OWN_VARIABLES[name]} instead.")
    for name, value in _effective_parameters(given).items():
        if name in WHOLE_NUMBERS and not re.fullmatch(r"\s*[+-]?[0-9]{1,9}\s*", value, re.ASCII):
            raise ValueError(f"Its {name}, or that of a PG* variable, is not a whole number.")


def complete_arguments(database_url: str, own: Mapping[str, Any]) -> dict[str, Any]:
    """Return *own*, the arguments of a connection to *database_url*, completed by what the user has set.

    The user sets parameters in the URL, in PG* variables or in a service file. Timeouts of the user replace ours. Our
    `options` follow the user's, so ours win where both set one, except for search_path.
    """
    known = _effective_parameters(parse_database_url(database_url))
    arguments = {name: value for name, value in own.items() if name not in WHOLE_NUMBERS or name not in known}
    given, ours = known.get("options", ""), str(own.get("options", ""))
    if "search_path" in _session_settings(given):
        ours = OUR_SEARCH_PATH.sub("", ours)
    if options := f"{given} {ours}".strip():
        arguments["options"] = options
    return arguments


def sets_search_path(database_url: str) -> bool:
    """Return whether the user names the schema of the tables, in the URL, in PGOPTIONS or in a service file."""
    known = _effective_parameters(parse_database_url(database_url))
    return "search_path" in _session_settings(known.get("options", ""))


def connection_failure(error: psycopg.Error) -> str:
    """Return why libpq could not connect, in one line. It names hosts, users and files, and never a password."""
    text = str(error).partition("Multiple connection attempts failed. All failures were:")
    reasons = [line.removeprefix("- ") for line in text[2].strip().splitlines()] if text[1] else [text[0]]
    parts = (" ".join(NOISE.sub("", reason).split()) for reason in reasons)
    return "; ".join(dict.fromkeys(filter(None, parts))).rstrip(".")[:LONGEST_REASON]


def parse_database_url(text: str) -> dict[str, str]:
    """Return the parameters that *text* gives; raise ValueError, without a part of it, when libpq cannot read it."""
    try:
        given = conninfo_to_dict(text)
    except (psycopg.Error, UnicodeError):
        scheme, separator, _ = text.partition("://")
        if separator and re.fullmatch(r"postgres(ql)?\+\w+", scheme):
            raise ValueError("Its scheme names a driver. Write postgresql:// alone.") from None
        if separator and f"{scheme}://" not in SCHEMES and re.fullmatch(r"[a-z][a-z0-9+]*", scheme):
            raise ValueError("Its scheme must be postgresql://.") from None
        raise ValueError(MALFORMED) from None
    _refuse_misplaced_at(text)
    return {name: str(value) for name, value in given.items()}


def _refuse_misplaced_at(text: str) -> None:
    """Raise ValueError for an `@` that ends the password too early, which makes its rest a host or a database."""
    scheme, separator, rest = text.partition("://")
    if f"{scheme}{separator}" not in SCHEMES:
        return
    authority, _, path = rest.partition("?")[0].partition("/")
    if authority.count("@") > 1 or "@" in path:
        raise ValueError(MALFORMED)


def _server_of_environment() -> dict[str, str]:
    """Return what PGHOST, PGHOSTADDR and PGPORT say."""
    defaults = {option.keyword.decode(): option.val for option in pq.Conninfo.get_defaults()}
    return {name: value.decode(errors="replace") for name in NOWHERE if (value := defaults.get(name))}


def _check_servers(given: Mapping[str, str]) -> None:
    hosts, addresses, ports = (given.get(name, "") for name in ("host", "hostaddr", "port"))
    if any("@" in host for host in hosts.split(",") if not host.startswith(("/", "@"))):
        raise ValueError(MALFORMED)
    if hosts and addresses and hosts.count(",") != addresses.count(","):
        raise ValueError("It has another number of hosts than of hostaddr. Give one for each host.")
    for port in filter(None, (each.strip() for each in ports.split(","))):
        if not re.fullmatch(r"[0-9]{1,5}", port, re.ASCII) or not 0 < int(port) <= HIGHEST_PORT:
            raise ValueError(
                f"A port in it is not a number from 1 to {HIGHEST_PORT}. Percent-encode every special character of the"
                " password: `/` is %2F and `?` is %3F."
            )
    servers = hosts or addresses
    if "," in ports and servers and ports.count(",") != servers.count(","):
        raise ValueError("It has another number of ports than of hosts. Give one port, or one for each host.")


def _session_settings(options: str) -> list[str]:
    return [name.lower().replace("-", "_") for name in SESSION_SETTING.findall(options)]


def _effective_parameters(given: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters that libpq would use, without host, hostaddr and port.

    Raises ValueError when it refuses one; it opens no connection.
    """
    conninfo = make_conninfo(**cast("dict[str, Any]", {**given, **NOWHERE}))
    pgconn = pq.PGconn.connect_start(conninfo.encode())
    try:
        refusal = pgconn.error_message.decode(errors="replace").strip()
        if refusal and not refusal.startswith(NOT_CONNECTED):
            sentence = re.sub(r"\"[^\"]*\"", "…", refusal.splitlines()[0])
            raise ValueError(f"libpq refuses it: {sentence}.")
        return {
            option.keyword.decode(): option.val.decode(errors="replace")
            for option in pgconn.info
            if option.val is not None and option.keyword.decode() not in NOWHERE
        }
    finally:
        pgconn.finish()
