-- name: lock_key
-- Locks the key until the transaction ends, unless a concurrent request has locked it. On Citus the server that has the
-- workspace takes the lock.
SELECT pg_try_advisory_xact_lock(
    hashtextextended(concat_ws(' ', %(workspace_id)s::integer, %(path)s::text, %(key)s::text), 0)
) AS locked
FROM workspace_home
WHERE workspace_id = %(workspace_id)s

-- name: find_first_use
-- Returns the first use of the key within its retention time. Processes of a version before revision 0030 store the key
-- itself.
SELECT body_digest, batch_id, response
FROM idempotency
WHERE workspace_id = %(workspace_id)s AND path = %(path)s AND key IN (%(key)s, %(plain_key)s)
    AND created_at > now() - make_interval(secs => %(seconds)s)
ORDER BY created_at
LIMIT 1

-- name: store_use
-- Stores the use of a key, in place of an expired one.
INSERT INTO idempotency (workspace_id, path, key, body_digest, batch_id, response)
VALUES (%(workspace_id)s, %(path)s, %(key)s, %(body_digest)s, %(batch_id)s, %(response)s)
ON CONFLICT (workspace_id, path, key) DO UPDATE
SET
    body_digest = excluded.body_digest,
    batch_id = excluded.batch_id,
    response = excluded.response,
    created_at = excluded.created_at
