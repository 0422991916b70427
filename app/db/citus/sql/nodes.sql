-- The nodes of a distributed database, and the work that their workspaces announce. Only the tables of the session's own
-- node are read, except by the functions, which run on the node of their workspace.

-- name: list_homes
-- Returns each workspace with the node that has its rows.
SELECT w.workspace_id, placement.groupid AS node
FROM all_workspaces() AS w
JOIN pg_catalog.pg_dist_placement AS placement
    ON placement.shardid = get_shard_id_for_distribution_column('workspace_home', w.workspace_id)
ORDER BY w.workspace_id

-- name: list_announcements
-- Lists the workspaces with announcements on the node of a workspace.
SELECT list_announcements(%(workspace_id)s, %(seconds)s) AS found

-- name: list_work
-- Lists what one workspace may have to do.
SELECT list_work(%(workspace_id)s) AS found

-- name: count_work
-- Counts the jobs and plans of one workspace.
SELECT count_work(%(workspace_id)s, %(bound)s) AS found

-- name: find_due_lane
-- Returns whether one workspace has a lane to publish, and of what kind.
SELECT find_due_lane(%(workspace_id)s) AS found
