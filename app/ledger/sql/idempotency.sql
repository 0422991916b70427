-- name: hold_key
-- Takes the key until the transaction ends, unless another request with it is still running.
SELECT pg_try_advisory_xact_lock(
    hashtextextended(concat_ws(' ', %(workspace_id)s::integer, %(path)s::text, %(key)s::text), 0)
) AS held

-- name: find_first_use
-- What the key was used for, if it was used within the time for which keys are remembered.
SELECT body_digest, batch_id
FROM idempotency
WHERE workspace_id = %(workspace_id)s AND path = %(path)s AND key = %(key)s
    AND created_at > now() - make_interval(secs => %(seconds)s)

-- name: note_use
-- Notes what the key is used for; a use that has run out makes room.
INSERT INTO idempotency (workspace_id, path, key, body_digest, batch_id)
VALUES (%(workspace_id)s, %(path)s, %(key)s, %(body_digest)s, %(batch_id)s)
ON CONFLICT (workspace_id, path, key) DO UPDATE
SET body_digest = excluded.body_digest, batch_id = excluded.batch_id, created_at = now()
