"""Dumps the schema of a database in a form that is comparable between databases. `make schema` writes the dump."""

import os
import re
import subprocess
import tempfile
from pathlib import Path

from app.db import migrations
from cli.up.postgres_programs import postgres_installation
from tests.support.postgres import FAST, PostgresServer

#: The committed dump of a freshly migrated database.
SCHEMA = Path(__file__).parents[2] / "app" / "db" / "schema.sql"
#: Lines of pg_dump that do not describe the schema: headings, session settings and psql's guard with a random key.
NOISE = re.compile(r"^(?:--|SET |SELECT pg_catalog\.set_config|\\(?:un)?restrict ).*\n", re.MULTILINE)
HEADER = "-- Written by `make schema`. The schema with its comments is in migrations/sql/.\n\n"


def dump_schema(url: str) -> str:
    """Return the schema of the database at *url* as SQL, with the privileges and without the owners."""
    program = postgres_installation() / "bin" / "pg_dump"
    command = [str(program), "--schema-only", "--no-owner", "--no-comments", "--dbname", url]
    # Without the caller's environment: variables such as PGOPTIONS would change the connection.
    done = subprocess.run(command, env={"PATH": os.defpath}, capture_output=True, text=True, check=True)
    return re.sub(r"\n{3,}", "\n\n", NOISE.sub("", done.stdout)).strip() + "\n"


def main() -> None:
    """Migrate an empty database of an embedded PostgreSQL and write its schema to SCHEMA."""
    with tempfile.TemporaryDirectory(prefix="mergelane-schema-") as folder:
        server = PostgresServer(Path(folder) / "data", FAST)
        server.start()
        try:
            migrations.upgrade_schema(server.url())
            SCHEMA.write_text(HEADER + dump_schema(server.url()), encoding="utf-8")
        finally:
            server.stop()


if __name__ == "__main__":
    main()
