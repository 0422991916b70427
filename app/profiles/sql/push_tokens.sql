-- name: report_push_tokens
-- Records which profile reported each push token now, and returns the former reporter of each token that changes hands.
-- Locks the rows in one order, so that two reports of one token wait for each other instead of deadlocking.
INSERT INTO push_token_report AS held (workspace_id, token_digest, origin_id)
SELECT profile.workspace_id, given.digest, profile.id
FROM unnest(%(digests)s::bytea[], %(profile_ids)s::bigint[]) AS given (digest, profile_id)
JOIN profile ON profile.workspace_id = %(workspace_id)s AND profile.id = given.profile_id
ORDER BY given.digest
ON CONFLICT (workspace_id, token_digest) DO UPDATE
SET former_origin_id = held.origin_id, origin_id = excluded.origin_id
WHERE held.origin_id <> excluded.origin_id
RETURNING former_origin_id

-- name: live_profiles_of_origins
-- Finds the live profiles that these origins belong to now. An origin without a row is a live profile or was deleted.
SELECT coalesce(origin.profile_id, given.origin_id) AS profile_id
FROM unnest(%(origin_ids)s::bigint[]) AS given (origin_id)
LEFT JOIN origin ON origin.workspace_id = %(workspace_id)s AND origin.origin_id = given.origin_id

-- name: reporters_of_push_tokens
-- Finds the origin that reported each push token last.
SELECT token_digest, origin_id
FROM push_token_report
WHERE workspace_id = %(workspace_id)s AND token_digest = ANY(%(digests)s)

-- name: holders_of_push_tokens
-- Finds the live profile that the last reporter of each push token belongs to now.
SELECT
    report.token_digest,
    coalesce(
        (
            SELECT origin.profile_id
            FROM origin
            WHERE origin.workspace_id = %(workspace_id)s AND origin.origin_id = report.origin_id
        ),
        report.origin_id
    ) AS profile_id
FROM push_token_report AS report
WHERE report.workspace_id = %(workspace_id)s AND report.token_digest = ANY(%(digests)s)
