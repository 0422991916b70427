-- name: insert_batch
-- Makes a batch and its jobs, given as a JSON array, durable: the transactional outbox that the relay empties.
WITH accepted AS (
    INSERT INTO batch (workspace_id, id, api_key_id, path, request_id, traceparent)
    VALUES (%(workspace_id)s, %(batch_id)s, %(api_key_id)s, %(path)s, %(request_id)s, %(traceparent)s)
)

INSERT INTO job (
    workspace_id, id, batch_id, index, kind, lane, orphan_identifier, survivor_identifier, search_keys
)
SELECT
    %(workspace_id)s, given.id, %(batch_id)s, given.index, %(kind)s, given.lane,
    given.orphan, given.survivor, given.search_keys
FROM jsonb_to_recordset(%(jobs)s) AS given (
    id uuid, index smallint, lane smallint, orphan jsonb, survivor jsonb, search_keys text []
)
