"""`mergelane migrate --distribute`: the tables and functions that it distributes, and the databases that it refuses."""

from collections.abc import Iterator

import psycopg
import pytest

from app.db import migrations
from app.db.citus.distribute import HAS_DATA, NO_EXTENSION, Distribution, prepare_session
from app.db.rights import find_differences
from app.errors import SetupError
from chaos.citus_cluster import SHARDS
from tests.support.citus import CitusDatabases
from tests.support.on_citus import skip_on_citus

FEW = Distribution(shards=SHARDS)
MOVE = Distribution(shards=SHARDS, move=True)


@pytest.fixture
def empty_url(citus_databases: CitusDatabases) -> Iterator[str]:
    """A database of the cluster without tables."""
    with citus_databases.lend(citus_databases.create_empty()) as url:
        yield url


def rows(url: str, statement: str) -> list[tuple[object, ...]]:
    """Return the rows of *statement* at *url*."""
    with psycopg.connect(url) as connection:
        return connection.execute(statement.encode()).fetchall()


def test_a_server_without_the_extension_is_refused(empty_database_url: str) -> None:
    skip_on_citus("Each server has the extension.")
    with pytest.raises(SetupError) as raised:
        migrations.upgrade_schema(empty_database_url, distribution=Distribution())

    assert str(raised.value) == NO_EXTENSION


def test_a_second_distribution_changes_nothing(empty_url: str) -> None:
    first = migrations.upgrade_schema(empty_url, distribution=FEW)
    again = migrations.upgrade_schema(empty_url, distribution=FEW)

    assert (first > 40, again) == (True, 0)


def test_every_table_is_distributed_with_the_others(empty_url: str) -> None:
    migrations.upgrade_schema(empty_url, distribution=FEW)

    kinds = dict(rows(empty_url, "SELECT citus_table_type, count(DISTINCT colocation_id) FROM citus_tables GROUP BY 1"))
    local = rows(
        empty_url,
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        " AND relpersistence = 'p' AND NOT EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = pg_class.oid)",
    )

    assert kinds == {"distributed": 1, "reference": 1, "local": 1}
    assert local == []


def test_no_node_lets_public_call_a_security_definer_function(empty_url: str) -> None:
    migrations.upgrade_schema(empty_url, distribution=FEW)

    open_to_all = (
        "SELECT success, result FROM run_command_on_all_nodes($$SELECT count(*) FROM pg_proc WHERE prosecdef"
        " AND pronamespace = 'public'::regnamespace"
        " AND (proacl IS NULL OR EXISTS (SELECT FROM aclexplode(proacl) WHERE grantee = 0))$$)"
    )
    assert set(rows(empty_url, open_to_all)) == {(True, "0")}


def test_the_rights_of_the_processes_are_the_same_on_each_node(citus_databases: CitusDatabases, empty_url: str) -> None:
    migrations.upgrade_schema(empty_url, distribution=FEW)

    cluster, database = citus_databases.cluster, empty_url.rpartition("/")[2]
    for node in cluster.nodes:
        with psycopg.connect(cluster.url(database, node)) as connection:
            assert find_differences(connection) == [], node


def test_functions_without_parameters_run_where_they_are_called(empty_url: str) -> None:
    migrations.upgrade_schema(empty_url, distribution=FEW)

    at_home = (
        "SELECT routine.proname FROM pg_dist_object AS known JOIN pg_proc AS routine ON routine.oid = known.objid"
        " WHERE known.classid = 'pg_proc'::regclass AND known.distribution_argument_index IS NOT NULL"
    )
    # In a transaction of several statements Citus looks for the workspace of the call.
    with psycopg.connect(empty_url) as connection:
        connection.execute("SELECT FROM workspace")
        paused = connection.execute("SELECT workspace_id FROM paused_workspaces()").fetchall()

    assert paused == []
    assert rows(empty_url, f"{at_home} AND routine.pronargs = 0") == []
    assert ("prune_batches",) in rows(empty_url, at_home)


def test_a_database_with_workspaces_needs_the_move_option_and_keeps_no_local_row(empty_url: str) -> None:
    migrations.upgrade_schema(empty_url)
    with psycopg.connect(empty_url) as connection:
        connection.execute("INSERT INTO workspace (name) VALUES ('one'), ('two'), ('three')")
        connection.execute(
            "INSERT INTO profile (workspace_id, braze_id, created_at, updated_at, random_bucket)"
            " SELECT workspace_id, lpad(to_hex(workspace_id), 24, '0'), now(), now(), 0 FROM workspace"
        )

    with pytest.raises(SetupError) as raised:
        migrations.upgrade_schema(empty_url, distribution=FEW)
    migrations.upgrade_schema(empty_url, distribution=MOVE)

    assert str(raised.value) == HAS_DATA
    assert rows(empty_url, "SELECT count(*) FROM profile") == [(3,)]
    left = "SELECT logicalrelid FROM pg_dist_partition WHERE partmethod <> 's' AND pg_relation_size(logicalrelid) > 0"
    assert rows(empty_url, f"{left} AND repmodel <> 's'") == []
    assert rows(empty_url, "SELECT count(*) FROM pg_trigger WHERE tgname = 'protect_audit_from_truncate'") == [(4,)]


def test_a_later_migration_of_tables_and_functions_is_distributed_too(empty_url: str) -> None:
    migrations.upgrade_schema(empty_url, distribution=FEW)
    with psycopg.connect(empty_url) as connection:
        prepare_session(connection)
        connection.execute("ALTER TABLE batch ADD COLUMN later text")
        connection.execute(
            "CREATE TABLE later (workspace_id integer NOT NULL REFERENCES workspace, batch_id uuid,"
            " PRIMARY KEY (workspace_id, batch_id))"
        )
    distributed = migrations.upgrade_schema(empty_url)

    assert distributed == 1
    assert rows(empty_url, "SELECT citus_table_type FROM citus_tables WHERE table_name = 'later'::regclass") == [
        ("distributed",)
    ]


def test_a_worker_node_refuses_a_migration(citus_databases: CitusDatabases, empty_url: str) -> None:
    cluster, database = citus_databases.cluster, empty_url.rpartition("/")[2]

    with pytest.raises(SetupError, match="Name the coordinator"):
        migrations.upgrade_schema(cluster.url(database, cluster.workers[0]), distribution=FEW)
