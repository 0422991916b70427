-- Statements of a merge find their rows by arrays of keys or by subqueries with LIMIT, and join no table: the plan of a
-- join, made while the tables were empty, would read a whole index for each merge. tests/integration/test_merge_plans.py

-- name: drop_aliases
-- Deletes the orphans' aliases whose label the survivor has.
DELETE FROM user_alias
USING unnest(%(labels)s::text[], %(names)s::text[]) AS given (label, name)
WHERE user_alias.workspace_id = %(workspace_id)s AND user_alias.profile_id = ANY(%(orphan_ids)s::bigint[])
    AND user_alias.label = given.label AND user_alias.name = given.name

-- name: move_aliases
-- Moves the orphans' other aliases to their survivors. An alias keeps the first profile that had it as its origin.
UPDATE user_alias
SET profile_id = given.profile_id, origin_id = coalesce(user_alias.origin_id, user_alias.profile_id)
FROM unnest(%(labels)s::text[], %(names)s::text[], %(profile_ids)s::bigint[]) AS given (label, name, profile_id)
WHERE user_alias.workspace_id = %(workspace_id)s AND user_alias.profile_id = ANY(%(orphan_ids)s::bigint[])
    AND user_alias.label = given.label AND user_alias.name = given.name

-- name: repoint_origins
-- Maps the origins of the orphans to their survivors. The history itself does not change.
UPDATE origin
SET profile_id = coalesce((%(survivor_ids)s::bigint[])[array_position(%(orphan_ids)s::bigint[], profile_id)], profile_id)
WHERE workspace_id = %(workspace_id)s AND profile_id = ANY(%(orphan_ids)s::bigint[])

-- name: add_origins
-- Maps the orphans' own ids to their survivors, as origins.
INSERT INTO origin (workspace_id, origin_id, profile_id)
SELECT home.workspace_id, given.orphan_id, given.survivor_id
FROM workspace_home AS home
CROSS JOIN unnest(%(orphan_ids)s::bigint[], %(survivor_ids)s::bigint[]) AS given (orphan_id, survivor_id)
WHERE home.workspace_id = %(workspace_id)s

-- name: retire_orphans
-- Deletes the orphans' rows. Their snapshots are in merge_record.
DELETE FROM profile
WHERE workspace_id = %(workspace_id)s AND id = ANY(%(orphan_ids)s)

-- name: move_deprecated
-- Moves the orphans' deprecated external_ids to the survivors that took over the primary one.
UPDATE deprecated_external_id
SET profile_id = coalesce((%(survivor_ids)s::bigint[])[array_position(%(orphan_ids)s::bigint[], profile_id)], profile_id)
WHERE workspace_id = %(workspace_id)s AND profile_id = ANY(%(orphan_ids)s::bigint[])

-- name: add_redirects
-- Inserts a redirect from each orphan to its survivor. The rows are one JSON array.
INSERT INTO redirect (workspace_id, orphan_id, survivor_id, braze_id, external_id, job_id, merged_at)
SELECT
    home.workspace_id, given.orphan_id, given.survivor_id, given.braze_id, given.external_id, given.job_id,
    given.merged_at
FROM workspace_home AS home
CROSS JOIN jsonb_to_recordset(%(rows)s) AS given (
    orphan_id bigint, survivor_id bigint, braze_id text, external_id text, job_id uuid, merged_at timestamptz
)
WHERE home.workspace_id = %(workspace_id)s

-- name: record_merges
-- Inserts the audit of each merge. The rows are one JSON array.
-- Its origins are its members and the origins of these: the orphan, and profiles that this transaction merged into it.
-- Its deprecated external_ids are those of its external_id_holders. Its changes are computed from the snapshots and the
-- version of the rules when they are read.
-- The large documents are arrays of text in the order of the rows, in binary format ("b"): PostgreSQL parses each once,
-- and nothing needs escaping.
INSERT INTO merge_record (
    workspace_id, job_id, merged_at, orphan_id, survivor_id, orphan_before, survivor_before, origins,
    deprecated_external_ids, rules
)
SELECT
    home.workspace_id, given.job_id, given.merged_at, given.orphan_id, given.survivor_id,
    given.orphan_before::json, given.survivor_before::json,
    given.members || array(
        SELECT origin.origin_id
        FROM origin
        WHERE origin.workspace_id = %(workspace_id)s AND origin.profile_id = ANY(given.members)
    ),
    array(
        SELECT old.external_id
        FROM deprecated_external_id AS old
        WHERE old.workspace_id = %(workspace_id)s AND old.profile_id = ANY(given.external_id_holders)
    ),
    %(rules)s::smallint
FROM workspace_home AS home
CROSS JOIN ROWS FROM (
    jsonb_to_recordset(%(rows)s) AS (
        job_id uuid, merged_at timestamptz, orphan_id bigint, survivor_id bigint, members bigint[], external_id_holders bigint[]
    ),
    unnest(%(orphan_before)b::text[], %(survivor_before)b::text[])
) AS given (
    job_id, merged_at, orphan_id, survivor_id, members, external_id_holders, orphan_before, survivor_before
)
WHERE home.workspace_id = %(workspace_id)s

-- name: record_identified
-- Inserts the audit of each profile that got an external_id. The rows are one JSON array.
INSERT INTO identify_record (workspace_id, job_id, identified_at, profile_id, updated_before)
SELECT home.workspace_id, given.job_id, given.identified_at, given.profile_id, given.updated_before
FROM workspace_home AS home
CROSS JOIN jsonb_to_recordset(%(rows)s) AS given (
    job_id uuid, identified_at timestamptz, profile_id bigint, updated_before timestamptz
)
WHERE home.workspace_id = %(workspace_id)s
