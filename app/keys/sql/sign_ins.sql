-- Sign-ins of browsers to the console. The digest of a token is stored, never the token.

-- name: read_label
-- Returns the route label of the workspace.
SELECT route_label FROM workspace WHERE workspace_id = %(workspace_id)s

-- name: begin_sign_in
-- Inserts a sign-in.
INSERT INTO sign_in (workspace_id, digest, api_key_id, ends_at)
VALUES (%(workspace_id)s, %(digest)s, %(key_id)s, now() + make_interval(secs => %(seconds)s))

-- name: find_sign_in
-- Returns the sign-in whose token has one of these digests, with the permissions of its key, unless either has ended.
-- Raises an error for a closed workspace.
SELECT
    sign_in.workspace_id, sign_in.digest, sign_in.ends_at, workspace.name AS workspace,
    CASE workspace.availability
        WHEN 'open' THEN workspace.rate_limits
        ELSE refuse_closed_workspace(workspace.availability)
    END AS rate_limits,
    key.id AS key_id, key.label, key.hint, key.permissions
FROM sign_in
JOIN api_key AS key ON key.workspace_id = sign_in.workspace_id AND key.id = sign_in.api_key_id
JOIN workspace ON workspace.workspace_id = sign_in.workspace_id
WHERE sign_in.workspace_id = %(workspace_id)s AND sign_in.digest = ANY(%(digests)s::bytea[])
    AND sign_in.ends_at > now()
    AND key.revoked_at IS NULL AND (key.expires_at IS NULL OR key.expires_at > now())

-- name: end_sign_in
-- Deletes the sign-in whose token has one of these digests.
DELETE FROM sign_in WHERE workspace_id = %(workspace_id)s AND digest = ANY(%(digests)s::bytea[])

-- name: prune_sign_ins
-- Deletes sign-ins that have ended.
DELETE FROM sign_in WHERE workspace_id = %(workspace_id)s AND ends_at <= now()
