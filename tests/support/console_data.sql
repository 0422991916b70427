-- Adds batches of jobs in every state, runs, undone merges and audit entries. Names are those of the workspace's profiles.
-- Each statement writes one table, as Citus requires. The client sends all of them in one message.

CREATE TEMPORARY TABLE here ON COMMIT DROP AS
SELECT workspace.workspace_id, (array_agg(api_key.id))[1] AS key_id
FROM workspace
JOIN api_key ON api_key.workspace_id = workspace.workspace_id
WHERE workspace.name = %(workspace)s
GROUP BY workspace.workspace_id;

CREATE TEMPORARY TABLE people ON COMMIT DROP AS
SELECT row_number() OVER (ORDER BY id) - 1 AS place, count(*) OVER () AS people, id, braze_id, external_id
FROM profile
WHERE workspace_id = (SELECT workspace_id FROM here);

CREATE TEMPORARY TABLE runs ON COMMIT DROP AS
SELECT
    workspace_id,
    (lpad(to_hex((extract(EPOCH FROM at) * 1000)::bigint), 12, '0') || '7' || substr(md5('run' || nth), 1, 3) || '8'
    || substr(md5('run' || nth || workspace_id), 1, 15))::uuid AS id,
    (ARRAY['client', 'file', 'plan', 'bulk'])[1 + nth %% 4] AS kind, 'customers-' || nth || '.csv' AS label,
    (ARRAY['finished', 'finished', 'cancelled', 'running'])[1 + nth %% 4] AS state, at AS created_at, key_id, at AS closed_at,
    CASE WHEN nth %% 4 < 3 THEN at + interval '3 minutes' END AS finished_at
FROM here
CROSS JOIN generate_series(1, %(batches)s) AS nth
CROSS JOIN LATERAL (SELECT now() - nth * interval '37 minutes' AS at) AS begun;

INSERT INTO run (workspace_id, id, kind, label, state, created_at, api_key_id, closed_at, finished_at)
SELECT workspace_id, id, kind, label, state, created_at, key_id, closed_at, finished_at FROM runs;

INSERT INTO run_progress (workspace_id, run_id, batches, settled_batches, counts, kinds, first_ended_at, last_ended_at)
SELECT
    here.workspace_id, id, 100, CASE WHEN state = 'running' THEN 40 ELSE 100 END,
    jsonb_build_object(
        'merged', 3831, 'orphan_not_found', 700, 'survivor_ambiguous', 57, 'already_merged', 12, 'dead', 40,
        CASE state WHEN 'running' THEN 'queued' WHEN 'cancelled' THEN 'cancelled' ELSE 'same_profile' END, 360
    ),
    '{merge}', created_at, now()
FROM runs CROSS JOIN here;

CREATE TEMPORARY TABLE batches ON COMMIT DROP AS
SELECT
    workspace_id,
    (lpad(to_hex((extract(EPOCH FROM at) * 1000)::bigint), 12, '0') || '7' || substr(md5('batch' || nth), 1, 3) || '8'
    || substr(md5('batch' || nth || workspace_id), 1, 15))::uuid AS id,
    at AS created_at, key_id, 'request-' || nth AS request_id
FROM here
CROSS JOIN generate_series(1, %(batches)s) AS nth
CROSS JOIN LATERAL (SELECT now() - nth * interval '11 minutes' AS at) AS begun;

INSERT INTO batch (workspace_id, id, created_at, api_key_id, path, request_id)
SELECT workspace_id, id, created_at, key_id, '/users/merge', request_id FROM batches;

CREATE TEMPORARY TABLE numbered ON COMMIT DROP AS
SELECT
    batches.id AS batch_id, batches.created_at, index, row_number() OVER (ORDER BY batches.id, index) AS nth,
    substr(batches.id::text, 1, 15) || lpad(to_hex(index), 3, '0') || '-9'
    || substr(md5(batches.id::text || index), 1, 3) || '-' || substr(md5(batches.id::text || index), 4, 12) AS id
FROM batches CROSS JOIN generate_series(0, %(jobs)s - 1) AS index;

CREATE TEMPORARY TABLE given ON COMMIT DROP AS
SELECT
    numbered.*, orphan.id AS orphan_id, orphan.braze_id AS orphan_braze_id, orphan.external_id AS orphan,
    survivor.id AS survivor_id, survivor.braze_id AS survivor_braze_id, survivor.external_id AS survivor,
    CASE
        WHEN nth %% %(jobs)s = 7 THEN 'dead'
        WHEN nth %% 20 = 3 THEN 'queued'
        WHEN nth %% 500 = 11 THEN 'running'
        ELSE 'finished'
    END AS state,
    CASE
        WHEN nth %% 20 = 5 THEN 'cancelled'
        WHEN nth %% 20 = 6 THEN 'orphan_not_found'
        WHEN nth %% 40 = 8 THEN 'survivor_ambiguous'
        ELSE 'merged'
    END AS outcome
FROM numbered
JOIN people AS orphan ON orphan.place = numbered.nth %% orphan.people
JOIN people AS survivor ON survivor.place = (numbered.nth * 7 + 1) %% survivor.people;

INSERT INTO job (
    workspace_id, id, batch_id, index, kind, lane, orphan_identifier, survivor_identifier, search_keys, state,
    outcome, reason, attempts, created_at, due_at, published_at, started_at, finished_at, orphan_id, orphan_braze_id,
    orphan_external_id, survivor_id, survivor_braze_id, survivor_external_id, priority, undone_at, undone_by
)
SELECT
    here.workspace_id, given.id::uuid, batch_id, index,
    CASE WHEN (nth - 1) / %(jobs)s %% 3 = 1 THEN 'identify' ELSE 'merge' END, index,
    jsonb_build_object('external_id', coalesce(orphan, 'guest')),
    jsonb_build_object('external_id', coalesce(survivor, 'guest')),
    ARRAY[coalesce(orphan, 'guest'), coalesce(survivor, 'guest')], state,
    CASE WHEN state = 'finished' AND orphan_id = survivor_id THEN 'same_profile' WHEN state = 'finished' THEN outcome END,
    CASE
        WHEN state = 'dead' THEN 'Attempt 5 failed: the database did not respond within 30 seconds.'
        WHEN state = 'finished' AND orphan_id = survivor_id THEN 'Both identifiers name the same profile.'
        WHEN state = 'finished' AND outcome = 'merged'
            THEN 'Profile ' || orphan_braze_id || ' was merged into profile ' || survivor_braze_id || ' and retired.'
        WHEN state = 'finished' AND outcome = 'cancelled' THEN 'The job was cancelled before it began.'
        WHEN state = 'finished' AND outcome = 'orphan_not_found' THEN 'No profile has the external_id of the orphan.'
        WHEN state = 'finished' THEN 'Several profiles have the identifier of the survivor.'
    END,
    CASE state WHEN 'dead' THEN 5 WHEN 'queued' THEN 0 ELSE 1 END, created_at,
    created_at - interval '100 years', CASE WHEN state <> 'queued' THEN created_at END,
    CASE WHEN state <> 'queued' THEN created_at + interval '1 second' END,
    CASE WHEN state IN ('finished', 'dead') THEN created_at + interval '2 seconds' END,
    orphan_id, orphan_braze_id, orphan, survivor_id, survivor_braze_id, survivor, nth %% 8,
    CASE WHEN state = 'finished' AND outcome = 'merged' AND nth %% 20 = 9 THEN now() END,
    CASE WHEN state = 'finished' AND outcome = 'merged' AND nth %% 20 = 9 THEN batch_id END
FROM given CROSS JOIN here;

INSERT INTO merge_record (
    workspace_id, job_id, merged_at, orphan_id, survivor_id, orphan_before, survivor_before, origins, changes
)
SELECT here.workspace_id, id::uuid, created_at, orphan_id, survivor_id, '{}', '{}', '{}', '[]'
FROM given CROSS JOIN here
WHERE state = 'finished' AND outcome = 'merged' AND orphan_id <> survivor_id AND index < 5;

CREATE TEMPORARY TABLE entries ON COMMIT DROP AS
SELECT
    here.workspace_id,
    (lpad(to_hex((extract(EPOCH FROM now()) * 1000)::bigint), 12, '0') || '7' || substr(md5('entry' || place), 1, 3)
    || '8' || substr(md5('entry' || place || here.workspace_id), 1, 15))::uuid AS id,
    key_id, braze_id, coalesce(external_id, 'guest') AS external_id, external_id || '-new' AS new_external_id
FROM people CROSS JOIN here
WHERE place < 4 * %(batches)s;

INSERT INTO audit_entry (workspace_id, id, action, api_key_id, path, braze_id, external_id, new_external_id)
SELECT workspace_id, id, 'rename', key_id, '/users/external_ids/rename', braze_id, external_id, new_external_id
FROM entries;

INSERT INTO webhook_delivery (
    workspace_id, id, webhook_id, type, body, state, attempts, due_at, attempted_at, last_status, last_error, ended_at
)
SELECT
    here.workspace_id,
    (lpad(to_hex((extract(EPOCH FROM now()) * 1000)::bigint), 12, '0') || '7' || substr(md5('notice' || nth), 1, 3)
    || '8' || substr(md5('notice' || nth || here.workspace_id), 1, 15))::uuid,
    %(webhook_id)s::uuid, 'merge.batch.finished', '{}',
    CASE WHEN nth %% 3 = 0 THEN 'dead' ELSE 'sent' END, CASE WHEN nth %% 3 = 0 THEN 12 ELSE 1 END, now(), now(),
    CASE WHEN nth %% 3 > 0 THEN 204 END, CASE WHEN nth %% 3 = 0 THEN 'The host refused the connection.' END, now()
FROM here CROSS JOIN generate_series(1, %(batches)s) AS nth;

SELECT
    (SELECT max(id::text) FROM batches) AS batch_id,
    (SELECT id FROM given WHERE state = 'dead' LIMIT 1) AS dead_job_id,
    (SELECT id FROM entries LIMIT 1) AS entry_id,
    key_id
FROM here
