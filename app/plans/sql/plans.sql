-- Plans: created, extended, read, applied and discarded.

-- name: insert_plan
-- Inserts an open plan without updates.
INSERT INTO plan (workspace_id, id, expires_at, api_key_id, scan_id)
VALUES (%(workspace_id)s, %(id)s, now() + make_interval(secs => %(kept_s)s), %(api_key_id)s, %(scan_id)s)

-- name: read_plans
-- Reads these plans, newest first, without discarded and expired ones.
SELECT
    plan.id, plan.state, plan.created_at, plan.expires_at, plan.api_key_id, key.label AS key_label, plan.updates,
    plan.counts, plan.fields, plan.largest, plan.applied_at, plan.applied_by, applier.label AS applier_label,
    plan.run_id, plan.scan_id AS duplicates_run_id, (scan.state = 'running') IS NOT TRUE AS complete
FROM plan
LEFT JOIN api_key AS key ON key.workspace_id = %(workspace_id)s AND key.id = plan.api_key_id
LEFT JOIN api_key AS applier ON applier.workspace_id = %(workspace_id)s AND applier.id = plan.applied_by
LEFT JOIN duplicate_run AS scan ON scan.workspace_id = %(workspace_id)s AND scan.id = plan.scan_id
WHERE plan.workspace_id = %(workspace_id)s AND plan.id = ANY(%(ids)s::uuid [])
    AND (plan.state = 'applied' OR plan.state = 'open' AND plan.expires_at > now())
ORDER BY plan.id DESC

-- name: list_plans
-- Lists the ids of a page of plans, newest first.
SELECT id
FROM plan
WHERE workspace_id = %(workspace_id)s
    AND (state = 'applied' OR state = 'open' AND expires_at > now())
    AND (%(before)s::uuid IS NULL OR id < %(before)s)
ORDER BY id DESC
LIMIT %(limit)s

-- name: lock_plan
-- Locks a plan that is not discarded and has not expired.
SELECT id, state, api_key_id, updates, counts, fields, largest, run_id, scan_id
FROM plan
WHERE workspace_id = %(workspace_id)s AND id = %(id)s
    AND (state = 'applied' OR state = 'open' AND expires_at > now())
FOR UPDATE

-- name: read_scan
-- Reads the run over duplicates that makes a plan.
SELECT state = 'running' AS running
FROM duplicate_run
WHERE workspace_id = %(workspace_id)s AND id = %(id)s

-- name: insert_updates
-- Inserts the updates of a page, given as a JSON array. The changes are an array of text in the order of the rows.
INSERT INTO plan_update (
    workspace_id, plan_id, index, orphan_identifier, survivor_identifier, outcome, reason, orphan_id, orphan_braze_id,
    orphan_external_id, survivor_id, survivor_braze_id, survivor_external_id, excluded, changes, seen, names
)
SELECT
    plan.workspace_id, plan.id, given.index, given.orphan_identifier, given.survivor_identifier, given.outcome,
    given.reason, given.orphan_id, given.orphan_braze_id, given.orphan_external_id, given.survivor_id,
    given.survivor_braze_id, given.survivor_external_id, given.excluded, given.changes::json, given.seen, given.names
FROM plan
CROSS JOIN ROWS FROM (
    jsonb_to_recordset(%(rows)s) AS (
        index integer, orphan_identifier jsonb, survivor_identifier jsonb, outcome text, reason text, orphan_id bigint,
        orphan_braze_id text, orphan_external_id text, survivor_id bigint, survivor_braze_id text,
        survivor_external_id text, excluded boolean, seen jsonb, names jsonb
    ),
    unnest(%(changes)b::text[])
) AS given (
    index, orphan_identifier, survivor_identifier, outcome, reason, orphan_id, orphan_braze_id, orphan_external_id,
    survivor_id, survivor_braze_id, survivor_external_id, excluded, seen, names, changes
)
WHERE plan.workspace_id = %(workspace_id)s AND plan.id = %(plan_id)s

-- name: save_summary
-- Saves the number of updates of a plan and its summary.
UPDATE plan
SET updates = %(updates)s, counts = %(counts)s, fields = %(fields)s, largest = %(largest)s
WHERE workspace_id = %(workspace_id)s AND id = %(id)s

-- name: list_updates
-- Lists a page of the updates of a plan, of one outcome or of all.
SELECT
    index, orphan_identifier, survivor_identifier, outcome, reason, orphan_id, orphan_braze_id, orphan_external_id,
    survivor_id, survivor_braze_id, survivor_external_id, excluded, changes
FROM plan_update
WHERE workspace_id = %(workspace_id)s AND plan_id = %(plan_id)s AND index >= %(first)s
    AND (%(outcome)s::text IS NULL OR outcome = %(outcome)s)
ORDER BY index
LIMIT %(limit)s

-- name: discard_plan
-- Discards an open plan. The relay deletes it.
UPDATE plan
SET state = 'discarded', expires_at = statement_timestamp()
WHERE workspace_id = %(workspace_id)s AND id = %(id)s AND state = 'open' AND expires_at > now()
RETURNING id

-- name: set_applied
-- Notes that a plan is applied.
UPDATE plan
SET
    state = 'applied', applied_at = statement_timestamp(), applied_by = %(api_key_id)s, run_id = %(run_id)s,
    priority = %(priority)s, chosen = %(chosen)s
WHERE workspace_id = %(workspace_id)s AND id = %(id)s

-- name: prune_updates
-- Deletes updates of plans that have expired. Those of a plan whose run has not ended stay.
DELETE FROM plan_update
USING (
    SELECT old.plan_id, old.index
    FROM plan
    CROSS JOIN LATERAL (
        SELECT found.plan_id, found.index
        FROM plan_update AS found
        WHERE found.workspace_id = %(workspace_id)s AND found.plan_id = plan.id
        LIMIT %(limit)s
    ) AS old
    LEFT JOIN run ON run.workspace_id = %(workspace_id)s AND run.id = plan.run_id
    WHERE plan.workspace_id = %(workspace_id)s AND plan.expires_at < now()
        AND (run.state IN ('finished', 'cancelled', 'failed') OR run.id IS NULL)
    LIMIT %(limit)s
) AS expired
WHERE plan_update.workspace_id = %(workspace_id)s AND plan_update.plan_id = expired.plan_id
    AND plan_update.index = expired.index

-- name: prune_plans
-- Deletes plans that have expired and have no updates any more.
DELETE FROM plan
WHERE workspace_id = %(workspace_id)s
    AND id = ANY(ARRAY(
        SELECT old.id
        FROM plan AS old
        LEFT JOIN run ON run.workspace_id = %(workspace_id)s AND run.id = old.run_id
        WHERE old.workspace_id = %(workspace_id)s AND old.expires_at < now()
            AND (run.state IN ('finished', 'cancelled', 'failed') OR run.id IS NULL)
            AND NOT EXISTS (
                SELECT 1
                FROM plan_update
                WHERE plan_update.workspace_id = %(workspace_id)s AND plan_update.plan_id = old.id
            )
        ORDER BY old.id
        LIMIT %(limit)s
        FOR UPDATE OF old SKIP LOCKED
    ))
