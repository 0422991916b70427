-- name: bare_insert
-- Writes the fifty-one rows of one request in one statement: the minimum for any API.
WITH accepted AS (
    INSERT INTO batch (workspace_id, id, path) VALUES (%(workspace_id)s, %(batch_id)s, '/users/merge')
)

INSERT INTO job (
    workspace_id, id, batch_id, index, kind, lane, orphan_identifier, survivor_identifier, search_keys
)
SELECT
    %(workspace_id)s, given.id, %(batch_id)s, given.index, 'merge', given.index,
    given.orphan, given.survivor, given.search_keys
FROM jsonb_to_recordset(%(jobs)s) AS given (
    id uuid, index smallint, orphan jsonb, survivor jsonb, search_keys text []
)

-- name: is_finished
-- Returns whether the only job of a batch is finished.
SELECT state = 'finished' AS finished
FROM job
WHERE workspace_id = %(workspace_id)s AND batch_id = %(batch_id)s
