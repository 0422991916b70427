-- name: records_of_person
-- Reads the rows of a person: its profile, its aliases, and the rows under its origins that are no history.
SELECT 'profile' AS name, to_jsonb(profile) AS row
FROM profile
WHERE profile.workspace_id = %(workspace_id)s AND profile.id = %(profile_id)s

UNION ALL

SELECT 'user_alias', to_jsonb(user_alias)
FROM user_alias
WHERE user_alias.workspace_id = %(workspace_id)s AND user_alias.profile_id = %(profile_id)s

UNION ALL

SELECT 'origin', to_jsonb(origin)
FROM origin
WHERE origin.workspace_id = %(workspace_id)s AND origin.profile_id = %(profile_id)s

UNION ALL

SELECT 'redirect', to_jsonb(redirect)
FROM redirect
WHERE redirect.workspace_id = %(workspace_id)s AND redirect.orphan_id = ANY(%(origin_ids)s)

UNION ALL

SELECT 'deprecated_external_id', to_jsonb(deprecated_external_id)
FROM deprecated_external_id
WHERE deprecated_external_id.workspace_id = %(workspace_id)s
    AND deprecated_external_id.profile_id = ANY(%(origin_ids)s)

UNION ALL

SELECT 'former_name', to_jsonb(former_name)
FROM former_name
WHERE former_name.workspace_id = %(workspace_id)s AND former_name.origin_id = ANY(%(origin_ids)s)

UNION ALL

SELECT 'key_change', to_jsonb(key_change)
FROM key_change
WHERE key_change.workspace_id = %(workspace_id)s AND key_change.profile_id = ANY(%(origin_ids)s)

UNION ALL

SELECT 'push_token_report', to_jsonb(push_token_report)
FROM push_token_report
WHERE push_token_report.workspace_id = %(workspace_id)s AND push_token_report.origin_id = ANY(%(origin_ids)s)

UNION ALL

SELECT 'duplicate_exclusion', to_jsonb(duplicate_exclusion)
FROM duplicate_exclusion
WHERE duplicate_exclusion.workspace_id = %(workspace_id)s
    AND (
        duplicate_exclusion.low_origin_id = ANY(%(origin_ids)s)
        OR duplicate_exclusion.high_origin_id = ANY(%(origin_ids)s)
    )

UNION ALL

-- Of each change, the side of the person.
SELECT
    'identity_change',
    jsonb_build_object(
        'number', change.number,
        'kind', change.kind,
        'at', change.at,
        'job_id', change.job_id,
        'orphan_braze_id', CASE WHEN change.orphan_braze_id = ANY(%(braze_ids)s) THEN change.orphan_braze_id END,
        'orphan_external_id', CASE WHEN change.orphan_braze_id = ANY(%(braze_ids)s) THEN change.orphan_external_id END,
        'survivor_braze_id', CASE WHEN change.survivor_braze_id = ANY(%(braze_ids)s) THEN change.survivor_braze_id END,
        'survivor_external_id',
        CASE WHEN change.survivor_braze_id = ANY(%(braze_ids)s) THEN change.survivor_external_id END,
        'former_external_id',
        CASE WHEN change.survivor_braze_id = ANY(%(braze_ids)s) THEN change.former_external_id END
    )
FROM identity_change AS change
WHERE change.workspace_id = %(workspace_id)s
    AND (change.orphan_braze_id = ANY(%(braze_ids)s) OR change.survivor_braze_id = ANY(%(braze_ids)s))

-- name: events_about_person
-- Lists the entries of the audit about these braze_ids that belong to no job.
SELECT id
FROM audit_entry
WHERE workspace_id = %(workspace_id)s AND braze_id = ANY(%(braze_ids)s)
ORDER BY id
