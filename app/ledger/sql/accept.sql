-- name: insert_batch
-- Inserts a batch and its jobs, given as a JSON array. The jobs are the transactional outbox that the relay empties.
-- When the workspace has an enabled webhook, the batch is watched until it has finished. With *joins*, the batch joins an
-- open run, or NO_DATA_FOUND is raised. Without an urgency of its own, it has that of its run.
WITH accepted AS (
    INSERT INTO batch (workspace_id, id, api_key_id, path, source, run_id, request_id, traceparent)
    VALUES (
        %(workspace_id)s, %(batch_id)s, %(api_key_id)s, %(path)s, %(source)s,
        CASE WHEN %(joins)s THEN lock_open_run(%(workspace_id)s::integer, %(run_id)s) ELSE %(run_id)s END,
        %(request_id)s, %(traceparent)s
    )
),

watched AS (
    INSERT INTO webhook_watch (workspace_id, batch_id, kind)
    SELECT %(workspace_id)s, %(batch_id)s, %(kind)s
    WHERE EXISTS (SELECT 1 FROM webhook WHERE workspace_id = %(workspace_id)s AND enabled)
),
urgency AS (
    SELECT coalesce(%(priority)s, run.priority, %(default_priority)s)::smallint AS priority
    FROM (SELECT %(run_id)s::uuid AS run_id) AS given
    LEFT JOIN run ON run.workspace_id = %(workspace_id)s AND run.id = given.run_id
)

INSERT INTO job (
    workspace_id, id, batch_id, index, kind, lane, orphan_identifier, survivor_identifier, search_keys, priority, due_at
)
SELECT
    %(workspace_id)s, given.id, %(batch_id)s, given.index, %(kind)s, given.lane,
    given.orphan, given.survivor, given.search_keys, urgency.priority,
    now() - interval '100 years' + (urgency.priority - 3) * interval '1826 days'
FROM jsonb_to_recordset(%(jobs)s) AS given (
    id uuid, index smallint, lane smallint, orphan jsonb, survivor jsonb, search_keys text []
)
CROSS JOIN urgency
