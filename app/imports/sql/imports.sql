-- name: taken_braze_ids
-- Finds the braze_ids of profiles that were merged away or deleted. A new profile may not have one: an undo would need
-- it again, and the audit of a deletion names it.
SELECT redirect.braze_id
FROM redirect
WHERE redirect.workspace_id = %(workspace_id)s AND redirect.braze_id = ANY(%(braze_ids)s)

UNION

SELECT audit_entry.braze_id
FROM audit_entry
WHERE audit_entry.workspace_id = %(workspace_id)s AND audit_entry.braze_id = ANY(%(braze_ids)s)
    AND audit_entry.action IN ('delete', 'erasure')

-- name: names_of_profiles
-- Reads the names of profiles, except aliases.
SELECT id, external_id, braze_id
FROM profile
WHERE workspace_id = %(workspace_id)s AND id = ANY(%(ids)s::bigint[])

-- name: insert_profiles
-- Creates whole profiles, in the order of the rows: by external_id, as create_profiles in app/profiles/sql/creation.sql
-- does. A row has only the columns with a value; the defaults have the others. A profile whose external_id or braze_id
-- exists already is not created.
-- app/imports/creation.py adds the columns.
INSERT INTO profile AS added (workspace_id /* columns */)
SELECT %(workspace_id)s /* given columns */
FROM jsonb_populate_recordset(jsonb_populate_record(NULL::profile, %(defaults)s), %(rows)s) AS given
ON CONFLICT DO NOTHING
RETURNING id, braze_id
