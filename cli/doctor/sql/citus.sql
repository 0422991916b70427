-- What the doctor reads about a distributed database. It runs on the coordinator, as the owner of the tables.

-- name: list_nodes
-- Lists the nodes, and whether each answers and takes statements: the coordinator cannot ask one that is away.
SELECT
    node.nodename || ':' || node.nodeport AS name, node.isactive AS is_active, node.shouldhaveshards AS has_shards,
    answer.success AS is_reachable,
    CASE WHEN answer.success THEN answer.result::json ELSE '{}' END AS settings
FROM pg_dist_node AS node
JOIN run_command_on_all_nodes(
    $$
        SELECT json_build_object(
            'max_prepared_transactions', current_setting('max_prepared_transactions')::integer,
            'max_connections', current_setting('max_connections')::integer,
            'announces', to_regclass('public.work_announcement') IS NOT NULL,
            'open_functions', (
                SELECT coalesce(json_agg(routine.proname), '[]')
                FROM pg_proc AS routine
                WHERE routine.prosecdef AND routine.pronamespace = 'public'::regnamespace
                    AND (routine.proacl IS NULL OR EXISTS (SELECT FROM aclexplode(routine.proacl) WHERE grantee = 0))
            ),
            'may_log_in', (SELECT rolcanlogin FROM pg_roles WHERE rolname = 'mergelane_app')
        )
    $$,
    give_warning_for_connection_errors := TRUE
) AS answer USING (nodeid)
ORDER BY name

-- name: count_shards
-- Returns how many shards of a table each node that may have some has; all tables are cut alike.
SELECT node.nodename || ':' || node.nodeport AS name, count(placement.shardid) AS shards
FROM pg_dist_node AS node
LEFT JOIN (
    SELECT own.shardid, own.groupid
    FROM pg_dist_placement AS own
    JOIN pg_dist_shard AS shard ON shard.shardid = own.shardid AND shard.logicalrelid = to_regclass('workspace_home')
) AS placement USING (groupid)
WHERE node.isactive AND node.shouldhaveshards
GROUP BY node.nodename, node.nodeport
ORDER BY name
