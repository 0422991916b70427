"""Checks of the rights in the database: of the processes' role, of PUBLIC, and of other roles."""

from collections.abc import Iterator, Sequence

from app.db import rights
from app.db.connections import APP_ROLE, Connection
from app.db.queries import load_queries
from cli.doctor.findings import Finding, fine, notice, wrong

QUERIES = load_queries("cli.doctor", "isolation.sql")

CHECK = "rights"
#: Statements that a finding lists.
LISTED = 3


def check_rights(connection: Connection) -> Iterator[Finding]:
    """Yield the findings; *connection* belongs to the owner of the tables."""
    found = [*_check_lists(connection), *_check_surroundings(connection), *_check_others(connection)]
    yield from found or [fine(CHECK, f"{APP_ROLE} and PUBLIC have the rights that they need, and no others.")]


def _check_lists(connection: Connection) -> Iterator[Finding]:
    if differences := rights.find_differences(connection):
        yield wrong(
            CHECK,
            f"The rights of {APP_ROLE} or PUBLIC are not those of a new database: {_some(differences)}.",
            "Run `mergelane migrate` as the owner of the tables: it runs these statements.",
        )


def _check_surroundings(connection: Connection) -> Iterator[Finding]:
    if strangers := rights.list_foreign_owners(connection):
        yield wrong(
            CHECK,
            f"Another role owns {_some(strangers)} than the other tables.",
            "Run `ALTER … OWNER TO` for each of them with the owner of the table job.",
        )
    if silent := [row["name"] for row in connection.execute(QUERIES["silent_triggers"])]:
        yield wrong(
            CHECK,
            f"Triggers are disabled on {_some(silent)}. They protect the audit and the references between tables.",
            "Run `ALTER TABLE … ENABLE TRIGGER ALL` for each table.",
        )
    if (schema := connection.execute(QUERIES["open_schema"], {"role": APP_ROLE}).fetchone()) is not None:
        yield wrong(
            CHECK,
            f"Roles other than its owner may create objects in the schema {schema['name']}.",
            f'Run `REVOKE CREATE ON SCHEMA "{schema["name"]}" FROM PUBLIC, {APP_ROLE}` as its owner.',
        )
    for power in connection.execute(QUERIES["powers"], {"role": APP_ROLE}):
        yield wrong(
            CHECK,
            f"The role {APP_ROLE} has more than its rights on the tables: {power['name']}.",
            f"Run `{power['remedy']}` as an administrator.",
        )


def _check_others(connection: Connection) -> Iterator[Finding]:
    for other in rights.list_rights_of_others(connection):
        sentence = (
            f"The role {other.role} has {', '.join(other.privileges)} on Mergelane's objects, such as {other.example}."
        )
        remedy = f'If it does not need this, run `REVOKE ALL ON {other.example} FROM "{other.role}"`, and so on.'
        yield notice(CHECK, sentence, remedy) if set(other.privileges) <= {"SELECT"} else wrong(CHECK, sentence, remedy)


def _some(names: Sequence[str]) -> str:
    """Return the first of *names*, and how many more there are."""
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(f"`{name}`" for name in names[:LISTED]) + more
