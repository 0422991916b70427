-- name: insert_batch
-- Inserts a batch. With *joins*, the batch joins an open run, or NO_DATA_FOUND is raised. Citus calls the function in any
-- case, and without a run the function does nothing.
INSERT INTO batch (workspace_id, id, api_key_id, path, source, run_id, request_id, traceparent)
VALUES (
    %(workspace_id)s, %(batch_id)s, %(api_key_id)s, %(path)s, %(source)s,
    CASE WHEN %(joins)s THEN lock_open_run(
        %(workspace_id)s::integer, CASE WHEN %(joins)s THEN %(run_id)s::uuid END
    ) ELSE %(run_id)s END,
    %(request_id)s, %(traceparent)s
)

-- name: watch_batch
-- When the workspace has an enabled webhook, the batch is watched until it has finished.
INSERT INTO webhook_watch (workspace_id, batch_id, kind)
SELECT home.workspace_id, %(batch_id)s, %(kind)s
FROM workspace_home AS home
WHERE home.workspace_id = %(workspace_id)s
    AND EXISTS (SELECT 1 FROM webhook WHERE workspace_id = %(workspace_id)s AND enabled)

-- name: insert_jobs
-- Inserts the jobs of a batch, given as a JSON array. They are the transactional outbox that the relay empties. Without an
-- urgency of its own, the batch has that of its run.
INSERT INTO job (
    workspace_id, id, batch_id, index, kind, lane, orphan_identifier, survivor_identifier, search_keys, priority, due_at
)
SELECT
    home.workspace_id, given.id, %(batch_id)s, given.index, %(kind)s, given.lane,
    given.orphan, given.survivor, given.search_keys, urgency.priority,
    now() - interval '100 years' + (urgency.priority - 3) * interval '1826 days'
FROM workspace_home AS home
CROSS JOIN jsonb_to_recordset(%(jobs)s) AS given (
    id uuid, index smallint, lane smallint, orphan jsonb, survivor jsonb, search_keys text []
)
CROSS JOIN LATERAL (
    SELECT coalesce(%(priority)s, (
        SELECT run.priority FROM run WHERE run.workspace_id = %(workspace_id)s AND run.id = %(run_id)s::uuid
    ), %(default_priority)s)::smallint AS priority
    OFFSET 0
) AS urgency
WHERE home.workspace_id = %(workspace_id)s
