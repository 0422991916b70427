-- name: analyze_on_nodes
-- Does the same on each node of Citus that answers: the shards are tables there.
SELECT coalesce(sum(answer.result::integer), 0)::integer AS analyzed
FROM run_command_on_all_nodes(
    format('SELECT analyze_changed_tables(%%s)', %(least)s::bigint), give_warning_for_connection_errors := TRUE
) AS answer
WHERE answer.success

-- name: analyze_changed_tables
-- Runs ANALYZE on tables that have doubled since their last one; returns how many.
SELECT analyze_changed_tables(%(least)s) AS analyzed
