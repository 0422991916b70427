"""The environment of each process: all settings, and only the secrets that the process uses."""

from collections.abc import Mapping
from dataclasses import fields

from psycopg.conninfo import make_conninfo

from app.config import Settings
from app.environment import child_environ
from app.setting_declaration import variable
from app.setting_sources import FILE_SUFFIX, given_settings

TRACES = "otel_exporter_otlp_endpoint"
#: The secret settings that each process uses. docker-compose.yml and deploy/ give the same; tests compare them.
SECRETS: Mapping[str, frozenset[str]] = {
    "migrate": frozenset({"database_url", "process_password"}),
    # The container for commands such as `mergelane keys create`, which runs no longer than the command.
    "cli": frozenset({"database_url", "database_replica_url", "broker_url", "key_pepper", "webhook_pepper"}),
    "web": frozenset(
        {"database_url", "database_replica_url", "broker_url", "rate_limit_url", "key_pepper", "webhook_pepper", TRACES}
    ),
    "relay": frozenset({"database_url", "database_replica_url", "broker_url", TRACES}),
    "sender": frozenset({"database_url", "webhook_pepper", TRACES}),
    "worker": frozenset({"database_url", "broker_url", TRACES}),
    "flower": frozenset({"broker_url", "flower_basic_auth"}),
    "postgres": frozenset(),
    "redis": frozenset(),
}
#: These connect as the owner of the tables. The others use a login in the role mergelane_app.
OWNERS = ("migrate", "cli")
#: The password that libpq adds to DATABASE_URL.
PG_PASSWORD = "PGPASSWORD"  # noqa: S105  the name of the variable
#: Flower reads its login from a variable of its own.
FLOWER_LOGIN = "FLOWER_BASIC_AUTH"
#: Variables of libraries, which may be secrets too, go to the processes that use the secret.
LIBRARIES = {"PG": "database_url", "FLOWER_": "flower_basic_auth", "OTEL_": TRACES}


def secret_variables() -> dict[str, str]:
    """Return the variable of each secret setting."""
    return {each.name: variable(each.name) for each in fields(Settings) if not each.repr}


def secret_texts() -> dict[str, str]:
    """Return the texts of the secret settings that are set, from variables or files."""
    return given_settings({name: (text, True) for name, text in secret_variables().items()}, child_environ())


def process_environ(process: str, secrets: Mapping[str, str], **variables: str) -> dict[str, str]:
    """Return the environment of *process*: that of this one with only its part of *secrets*, plus *variables*.

    PGPASSWORD is not inherited: it belongs to the user of this process's DATABASE_URL.
    """
    allowed, known = SECRETS[process], secret_variables()
    withheld = {PG_PASSWORD, *known.values(), *(f"{name}{FILE_SUFFIX}" for name in known.values())}
    others = tuple(prefix for prefix, secret in LIBRARIES.items() if secret not in allowed)
    inherited = {
        name: value for name, value in child_environ().items() if name not in withheld and not name.startswith(others)
    }
    given = {known[name]: text for name, text in secrets.items() if name in allowed}
    if "database_url" in allowed and "pg_password" in secrets:
        given[PG_PASSWORD] = secrets["pg_password"]
    if login := given.pop(known["flower_basic_auth"], ""):
        given[FLOWER_LOGIN] = login
    return inherited | given | variables


def url_of_processes(settings: Settings) -> dict[str, str]:
    """Return the secrets by which the processes connect to the server in DATABASE_URL.

    With MERGELANE_PROCESS_PASSWORD, they use the login of the processes, and otherwise the same user as this process.
    """
    if settings.process_password:
        login = {"user": settings.process_user, "password": settings.process_password}
        return {"database_url": make_conninfo(settings.database_url, **login)}
    password = child_environ().get(PG_PASSWORD)
    return {"database_url": settings.database_url, **({"pg_password": password} if password else {})}
