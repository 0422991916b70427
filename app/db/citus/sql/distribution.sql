-- How the tables are distributed. They run as the owner of the tables, in the session of a migration.

-- fragment: runs_at_home
-- Functions with the owner's rights and the parameter workspace_id run on the node of their workspace. The names of
-- parameters include those of results: a call of a function without parameters that runs there ends the server.
routine.prosecdef AND routine.pronargs > 0 AND routine.proargnames[1] = 'workspace_id'
    AND routine.proname <> ALL(%(elsewhere)s)

-- name: read_extension
-- Returns the version of the extension Citus in this database; no row without it.
SELECT extversion AS version FROM pg_extension WHERE extname = 'citus'

-- name: has_schema
-- Returns whether the database has our tables.
SELECT to_regclass('workspace') IS NOT NULL AS found

-- name: has_workspaces
-- Returns whether the database has workspaces.
SELECT EXISTS (SELECT FROM workspace) AS found

-- name: list_nodes_with_rows
-- Returns whether the coordinator is one of the nodes, and the number of nodes that may have shards.
SELECT
    coalesce(bool_or(node.groupid = 0), FALSE) AS has_coordinator,
    count(*) FILTER (WHERE node.isactive AND node.shouldhaveshards) AS with_shards
FROM pg_dist_node AS node

-- name: is_coordinator
-- Returns whether this server is the coordinator.
SELECT groupid = 0 AS here FROM pg_dist_local_group

-- name: list_processes
-- Lists the processes that use this database, by their application names.
SELECT DISTINCT split_part(activity.application_name, '/', 1) AS name
FROM pg_stat_activity AS activity
WHERE activity.datname = current_database() AND activity.pid <> pg_backend_pid()
    AND activity.application_name ~ '^mergelane-(web|relay|sender|worker)'
ORDER BY name

-- name: list_local_tables
-- Lists our tables that Citus does not know, and whether a row belongs to a workspace.
SELECT
    class.relname AS name,
    EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = class.oid AND attname = 'workspace_id' AND NOT attisdropped
    ) AS of_workspace
FROM pg_class AS class
JOIN pg_class AS ledger ON ledger.oid = to_regclass('job')
WHERE class.relkind = 'r' AND class.relnamespace = ledger.relnamespace AND class.relowner = ledger.relowner
    AND class.relpersistence = 'p'
    AND NOT EXISTS (SELECT FROM pg_dist_partition AS part WHERE part.logicalrelid = class.oid)
    AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = class.oid AND deptype = 'e')
ORDER BY class.relname

-- name: list_references
-- Lists the foreign keys between tables.
SELECT referencing.relname AS referencing, referenced.relname AS referenced
FROM pg_constraint AS key
JOIN pg_class AS referencing ON referencing.oid = key.conrelid
JOIN pg_class AS referenced ON referenced.oid = key.confrelid
WHERE key.contype = 'f'

-- name: copy_to_all_nodes
-- Copies a table to each node.
SELECT create_reference_table(to_regclass(%(table)s))

-- name: reach_from_all_nodes
-- Keeps a table on the coordinator, and lets the other nodes read and write it.
SELECT citus_add_local_table_to_metadata(to_regclass(%(table)s))

-- name: distribute_first
-- Cuts the first table into shards.
SELECT create_distributed_table(
    to_regclass(%(table)s), 'workspace_id', colocate_with := 'none', shard_count := %(shards)s
)

-- name: distribute
-- Cuts a table into shards like those of the first one, on the same nodes.
SELECT create_distributed_table(to_regclass(%(table)s), 'workspace_id', colocate_with := 'workspace_home')

-- name: list_triggers
-- Lists triggers of our tables by their names, with the statement that creates each.
SELECT trigger.tgname AS name, class.relname AS table_name, pg_get_triggerdef(trigger.oid) AS definition
FROM pg_trigger AS trigger
JOIN pg_class AS class ON class.oid = trigger.tgrelid
JOIN pg_class AS ledger ON ledger.oid = to_regclass('job') AND ledger.relnamespace = class.relnamespace
WHERE trigger.tgname = ANY(%(names)s)
ORDER BY class.relname, trigger.tgname

-- name: empty_local_copy
-- Deletes the rows that stay on the coordinator when a table is distributed.
SELECT truncate_local_data_after_distributing_table(to_regclass(%(table)s))

-- name: list_local_functions
-- Lists our functions that the other nodes do not have, or that do not run on the node of their workspace.
SELECT
    routine.oid::regprocedure::text AS signature,
    routine.prosecdef AS is_definer,
    /* include runs_at_home */ AS runs_at_home
FROM pg_proc AS routine
JOIN pg_class AS ledger ON ledger.oid = to_regclass('job')
LEFT JOIN pg_dist_object AS known ON known.classid = 'pg_proc'::regclass AND known.objid = routine.oid
WHERE routine.pronamespace = ledger.relnamespace AND routine.proowner = ledger.relowner
    AND routine.prokind = 'f'
    AND NOT EXISTS (
        SELECT FROM pg_depend WHERE objid = routine.oid AND deptype = 'e'
    )
    AND (
        known.objid IS NULL
        OR (/* include runs_at_home */ AND known.distribution_argument_index IS NULL)
    )
ORDER BY signature

-- name: list_views
-- Lists our views.
SELECT class.relname AS name
FROM pg_class AS class
JOIN pg_class AS ledger ON ledger.oid = to_regclass('job') AND ledger.relnamespace = class.relnamespace
WHERE class.relkind = 'v' AND class.relowner = ledger.relowner
ORDER BY name

-- name: run_function_at_home
-- Lets a function run on the node of its workspace.
SELECT create_distributed_function(
    to_regprocedure(%(signature)s), 'workspace_id', colocate_with := 'workspace_home', force_delegation := TRUE
)

-- name: copy_function
-- Copies a function to each node.
SELECT create_distributed_function(to_regprocedure(%(signature)s))

-- name: create_role
-- Creates the processes' role on one node, before the rights are granted. Citus passes the creation of a role on, but not
-- of one that is older than the extension.
DO $$
BEGIN
    PERFORM set_config('citus.enable_create_role_propagation', 'off', true);
    IF to_regrole('mergelane_app') IS NULL THEN
        CREATE ROLE mergelane_app NOLOGIN;
    END IF;
EXCEPTION
    -- Another database of this server was migrated at the same time.
    WHEN duplicate_object OR unique_violation THEN NULL;
END;
$$

-- name: read_role
-- Returns whether the processes' role may log in, and the settings of its sessions.
SELECT role.rolcanlogin AS may_log_in, coalesce(setting.setconfig, '{}') AS settings
FROM pg_roles AS role
LEFT JOIN pg_db_role_setting AS setting ON setting.setrole = role.oid AND setting.setdatabase = 0
WHERE role.rolname = %(role)s

-- name: run_on_nodes
-- Runs a statement on each node.
SELECT answer.nodeid, node.nodename || ':' || node.nodeport AS node, answer.success, answer.result
FROM run_command_on_all_nodes(%(statement)s, give_warning_for_connection_errors := TRUE) AS answer
JOIN pg_dist_node AS node USING (nodeid)
ORDER BY node
