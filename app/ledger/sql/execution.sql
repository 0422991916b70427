-- Jobs from their acceptance to their outcome.

-- fragment: earlier_identification
-- The lane of the job head names an identifier of an identification that was accepted earlier, in another batch, and is
-- unfinished. Returns that identification.
SELECT earlier.id
FROM (
    SELECT unnest(member.search_keys) AS key
    FROM job AS member
    WHERE member.workspace_id = %(workspace_id)s AND member.batch_id = head.batch_id AND member.index >= head.lane
        AND member.lane = head.lane AND (member.state = 'queued') IS TRUE
    OFFSET 0
) AS named
CROSS JOIN LATERAL (
    (
        SELECT identification.id
        FROM job AS identification
        WHERE identification.workspace_id = %(workspace_id)s AND identification.search_keys[1] = named.key
            AND identification.kind = 'identify' AND (identification.state IN ('queued', 'running')) IS TRUE
            AND (identification.created_at, identification.batch_id) < (head.created_at, head.batch_id)
        LIMIT 1
    )
    UNION ALL
    (
        SELECT identification.id
        FROM job AS identification
        WHERE identification.workspace_id = %(workspace_id)s AND identification.search_keys[2] = named.key
            AND identification.kind = 'identify' AND (identification.state IN ('queued', 'running')) IS TRUE
            AND (identification.created_at, identification.batch_id) < (head.created_at, head.batch_id)
        LIMIT 1
    )
) AS earlier
LIMIT 1

-- name: publishable_workspaces
-- Lists the workspaces with a lane to publish now: a few index probes for each workspace.
SELECT workspace_id, has_limit, has_urgent FROM publishable_workspaces_from(%(floors)s)

-- name: seconds_until_due_lane
-- Returns the seconds until the next pending lane of any workspace is due.
SELECT extract(EPOCH FROM next_job_due_at() - clock_timestamp())::double precision AS seconds

-- name: claim_lanes
-- Locks the most urgent pending lanes of a workspace, with all their jobs, skipping lanes that another relay has locked:
-- identifications up to the limit, then others up to the limit, the oldest first among equally urgent ones. The due times
-- have this order. Lanes that have waited too long behind more urgent ones get a limit of their own; 0 skips them. A lane that names an identifier of an earlier,
-- unfinished identification stays pending; without any, "identifying" is one index probe. The jobs of a lane are read by
-- index probes, batch by batch. Statistics older than the backlog say that almost no job is queued, and the planner
-- would read an index on the state completely for every lane: "IS TRUE" excludes that index.
-- The batch is probed too, or the planner might join it by reading all batches. Jobs that are due at once, which have a
-- time in the last century, and jobs that wait for a time of their own get a limit each, so that neither starves. A job
-- with a time of its own and no attempt is the rest of a lane that a limit has cut.
-- The index keeps the entries of published jobs while an old transaction is open. So each band of due times, one for each
-- urgency and the last one for jobs with a time of their own, is read from its floor on: see app/ledger/due_floors.py. A
-- NULL reads it from its beginning. The first row has the ends of the bands.
WITH identifying AS (
    SELECT TRUE AS found
    FROM job
    WHERE workspace_id = %(workspace_id)s AND kind = 'identify' AND (state IN ('queued', 'running')) IS TRUE
        AND search_keys[1] IS NOT NULL
    LIMIT 1
),

band AS (
    SELECT
        place, place <= 8 AS at_once,
        coalesce(to_timestamp(given.floor), CASE place
            WHEN 1 THEN '-infinity'
            ELSE now() - interval '100 years' + (place - 5) * interval '1826 days'
        END) AS after,
        CASE place
            WHEN 9 THEN now()
            ELSE now() - interval '100 years' + (place - 4) * interval '1826 days'
        END AS until
    FROM unnest(%(floors)s::double precision[]) WITH ORDINALITY AS given (floor, place)
),

urgent AS (
    SELECT head.batch_id, head.lane, head.due_at, head.band
    FROM (VALUES (TRUE), (FALSE)) AS due (at_once)
    CROSS JOIN LATERAL (
        SELECT found.batch_id, found.lane, found.due_at, part.place AS band
        FROM (SELECT place, after, until FROM band WHERE band.at_once = due.at_once ORDER BY place) AS part
        CROSS JOIN LATERAL (
            SELECT batch_id, lane, due_at
            FROM job AS head
            WHERE workspace_id = %(workspace_id)s AND kind = 'identify'
                AND state = 'queued' AND published_at IS NULL AND lane = index
                AND due_at > part.after AND due_at <= part.until
                AND (/* include earlier_identification */) IS NULL
            ORDER BY due_at, id
            LIMIT %(limit)s
            FOR UPDATE SKIP LOCKED
        ) AS found
        LIMIT %(limit)s
    ) AS head
),

ordinary AS (
    SELECT head.batch_id, head.lane, head.due_at, head.band
    FROM (VALUES (TRUE), (FALSE)) AS due (at_once)
    CROSS JOIN LATERAL (
        SELECT found.batch_id, found.lane, found.due_at, part.place AS band
        FROM (SELECT place, after, until FROM band WHERE band.at_once = due.at_once ORDER BY place) AS part
        CROSS JOIN LATERAL (
            SELECT batch_id, lane, due_at
            FROM job AS head
            WHERE workspace_id = %(workspace_id)s AND kind <> 'identify'
                AND state = 'queued' AND published_at IS NULL AND lane = index
                AND due_at > part.after AND due_at <= part.until
                AND (
                    (SELECT identifying.found FROM identifying) IS NULL
                    OR (/* include earlier_identification */) IS NULL
                )
            ORDER BY due_at, id
            LIMIT %(limit)s
            FOR UPDATE SKIP LOCKED
        ) AS found
        LIMIT %(limit)s
    ) AS head
),

aged AS (
    SELECT head.batch_id, head.lane
    FROM (
        SELECT
            urgency, now() - interval '100 years' + (urgency - 3) * interval '1826 days' AS newest,
            (SELECT band.after FROM band WHERE band.place = urgency + 1) AS after
        FROM generate_series(1, 7) AS level (urgency)
        WHERE %(aged_limit)s > 0
    ) AS level
    CROSS JOIN LATERAL (
        SELECT batch_id, lane, level.newest - due_at AS waited
        FROM job AS head
        WHERE workspace_id = %(workspace_id)s
            AND state = 'queued' AND published_at IS NULL AND lane = index
            AND due_at > level.after
            AND due_at <= level.newest - make_interval(secs => %(aged_after_s)s)
            AND (/* include earlier_identification */) IS NULL
        ORDER BY due_at, id
        LIMIT %(aged_limit)s
        FOR UPDATE SKIP LOCKED
    ) AS head
    ORDER BY head.waited DESC
    LIMIT %(aged_limit)s
)

SELECT
    member.id, member.priority, member.is_rest, head.batch_id, head.lane, head.urgent, head.aged, batch.request_id,
    batch.traceparent,
    CASE WHEN batch.run_id IS NOT NULL THEN (
        SELECT pause.run_id
        FROM run_pause AS pause
        WHERE pause.workspace_id = %(workspace_id)s AND pause.run_id = batch.run_id AND pause.resumed_at IS NULL
    ) END AS paused_run,
    head.band, extract(EPOCH FROM head.due_at)::double precision AS head_due_at,
    CASE WHEN row_number() OVER () = 1 AND (SELECT identifying.found FROM identifying) IS NULL THEN
        ARRAY(SELECT extract(EPOCH FROM band.until)::double precision FROM band ORDER BY band.place)
    END AS ends
FROM (
    SELECT batch_id, lane, due_at, band, TRUE AS urgent, FALSE AS aged FROM urgent
    UNION ALL
    SELECT batch_id, lane, due_at, band, FALSE AS urgent, FALSE AS aged FROM ordinary
    UNION ALL
    SELECT batch_id, lane, NULL AS due_at, NULL AS band, FALSE AS urgent, TRUE AS aged FROM aged
) AS head
CROSS JOIN LATERAL (
    SELECT request_id, traceparent, run_id
    FROM batch
    WHERE batch.workspace_id = %(workspace_id)s AND batch.id = head.batch_id
    LIMIT 1
) AS batch
CROSS JOIN LATERAL (
    SELECT job.id, job.priority, job.attempts = 0 AND job.due_at > now() - interval '50 years' AS is_rest
    FROM job
    WHERE job.workspace_id = %(workspace_id)s AND job.batch_id = head.batch_id AND job.index >= head.lane
        AND job.lane = head.lane AND (job.state = 'queued') IS TRUE AND job.published_at IS NULL
    ORDER BY job.index
    FOR UPDATE
) AS member

-- name: delay_rest
-- Makes locked jobs, the rest of a lane, a lane of its own that is due later.
UPDATE job
SET lane = rest.lane, due_at = statement_timestamp() + make_interval(secs => %(delay_s)s)
FROM (
    SELECT min(index) AS lane
    FROM job
    WHERE workspace_id = %(workspace_id)s AND id = ANY(%(ids)s)
) AS rest
WHERE job.workspace_id = %(workspace_id)s AND job.id = ANY(%(ids)s)

-- name: delay_paused_rests
-- Delays locked jobs, the rests of lanes, which stay recognizable by their time.
UPDATE job
SET due_at = statement_timestamp() + make_interval(secs => %(delay_s)s)
WHERE workspace_id = %(workspace_id)s AND id = ANY(%(ids)s)

-- name: rests_to_hold
-- Lists the given jobs behind unfinished jobs of their batch. Jobs that wait for another attempt hold up no others.
SELECT rest.id
FROM job AS rest
CROSS JOIN LATERAL (
    SELECT earlier.id
    FROM job AS earlier
    WHERE earlier.workspace_id = %(workspace_id)s AND earlier.batch_id = rest.batch_id
        AND earlier.index < rest.index AND (earlier.state IN ('queued', 'running')) IS TRUE
        AND NOT (
            earlier.state = 'queued' AND earlier.published_at IS NULL
            AND earlier.attempts > 0 AND earlier.due_at > now() - interval '50 years'
        )
    LIMIT 1
) AS unfinished
WHERE rest.workspace_id = %(workspace_id)s AND rest.id = ANY(%(ids)s)

-- name: jobs_to_isolate
-- Lists the jobs with several stalled attempts: they may kill their workers.
SELECT id
FROM job
WHERE workspace_id = %(workspace_id)s AND id = ANY(%(ids)s) AND stalled_attempts >= %(stalled_attempts)s

-- name: mark_published
-- Records the task under which each job was published.
UPDATE job
SET published_at = statement_timestamp(), task_id = given.task_id
FROM unnest(%(ids)s::uuid[], %(task_ids)s::uuid[]) AS given (id, task_id)
WHERE job.workspace_id = %(workspace_id)s AND job.id = given.id

-- name: begin_attempts
-- Counts an attempt on each unfinished job of a lane, in a transaction of its own, since a rollback would undo the count.
-- A job that is already running is stranded: its last attempt did not end, unless it runs at this moment. An attempt that
-- PostgreSQL refused, as the repeated message says, is continued and not counted again.
--
-- A message may be forged, or repeated in part. So a lane starts at its first unfinished job: a job is not begun while an
-- earlier unfinished job of its lane is not in the message. A job that is not published is begun only if the relay would
-- publish it now: it is due, and its lane waits for no identification. Jobs that are not begun stay as they are.
--
-- While the queue is paused, no job is begun, and queued jobs return to the relay, which publishes them when the queue is
-- resumed. A lane returns when its head does, since the relay searches heads; the rescue returns any other job, and one
-- whose worker died. A queued job that a request cancels with the whole queue is not begun either: the relay gives it its
-- outcome. A job of a paused run is treated as in a paused queue. Without a pause and a cancellation, these are three index
-- probes.
--
-- A late delivery may start a job that was requeued and is not published again: the job counts as published from now on,
-- or the rescue would not find it. Such a delivery may contain the head of a lane without the rest; the rest gets a new
-- head, since the relay searches heads. Its keys are arrays: with joins, a plan made on a small table read a backlog once
-- for each row. A dead job that is retried keeps its last error until it runs. The waiting time is computed by PostgreSQL,
-- whose clock also set the time of acceptance.
WITH paused AS (
    SELECT TRUE AS found
    FROM queue_control
    WHERE workspace_id = %(workspace_id)s AND paused_at IS NOT NULL
    LIMIT 1
),

cancelling AS (
    SELECT TRUE AS found
    FROM queue_cancellation
    WHERE workspace_id = %(workspace_id)s
    LIMIT 1
),

pausing AS (
    SELECT TRUE AS found
    FROM run_pause
    WHERE workspace_id = %(workspace_id)s AND resumed_at IS NULL
    LIMIT 1
),

of_paused_runs AS (
    SELECT member.id
    FROM job AS member
    JOIN batch ON batch.workspace_id = %(workspace_id)s AND batch.id = member.batch_id
    JOIN run_pause AS pause
        ON pause.workspace_id = %(workspace_id)s AND pause.run_id = batch.run_id AND pause.resumed_at IS NULL
    WHERE member.workspace_id = %(workspace_id)s AND member.id = ANY(%(ids)s) AND (SELECT pausing.found FROM pausing)
),

returned AS (
    UPDATE job
    SET published_at = NULL, lane = job.lane
    WHERE workspace_id = %(workspace_id)s AND id = ANY(%(ids)s)
        AND ((SELECT paused.found FROM paused) OR (SELECT pausing.found FROM pausing))
        AND ((SELECT paused.found FROM paused) OR id = ANY(ARRAY(SELECT of_paused_runs.id FROM of_paused_runs)))
        AND state = 'queued' AND published_at IS NOT NULL
        AND (lane = index OR (
            SELECT head.id
            FROM job AS head
            WHERE head.workspace_id = %(workspace_id)s AND head.batch_id = job.batch_id AND head.index = job.lane
                AND head.state = 'queued' AND head.published_at IS NOT NULL AND head.id = ANY(%(ids)s)
            LIMIT 1
        ) IS NOT NULL)
),

begun AS (
    UPDATE job
    SET
        state = 'running',
        attempts = attempts + CASE
            WHEN state = 'running' AND attempts = (%(refused)s::jsonb ->> id::text)::integer THEN 0 ELSE 1
        END,
        stalled_attempts = stalled_attempts + CASE
            WHEN state = 'running' AND attempts IS DISTINCT FROM (%(refused)s::jsonb ->> id::text)::integer THEN 1
            ELSE 0
        END,
        reason = CASE WHEN attempts > 0 THEN reason END,
        started_at = moment.now,
        published_at = coalesce(published_at, moment.now),
        task_id = %(task_id)s
    FROM (
        SELECT statement_timestamp() AS now, statement_timestamp() - interval '50 years' AS last_century
        OFFSET 0
    ) AS moment
    WHERE job.workspace_id = %(workspace_id)s AND job.id = ANY(%(ids)s) AND state IN ('queued', 'running')
        AND (SELECT paused.found FROM paused) IS NULL
        AND id <> ALL(ARRAY(SELECT of_paused_runs.id FROM of_paused_runs))
        AND (state = 'running' OR (SELECT cancelling.found FROM cancelling) IS NULL OR (
            SELECT cancellation.id
            FROM queue_cancellation AS cancellation
            WHERE cancellation.workspace_id = %(workspace_id)s AND job.created_at <= cancellation.cancelled_at
                AND (cancellation.kind IS NULL OR cancellation.kind = job.kind)
                AND (cancellation.priority IS NULL OR cancellation.priority = job.priority)
                AND (
                    cancellation.source IS NULL
                    OR cancellation.source = (
                        SELECT batch.source
                        FROM batch
                        WHERE batch.workspace_id = %(workspace_id)s AND batch.id = job.batch_id
                    )
                )
                AND (
                    cancellation.run_id IS NULL
                    OR cancellation.run_id = (
                        SELECT batch.run_id
                        FROM batch
                        WHERE batch.workspace_id = %(workspace_id)s AND batch.id = job.batch_id
                    )
                )
            LIMIT 1
        ) IS NULL)
        -- The head of a lane does not pay for the lookup.
        AND (lane = index OR (
            SELECT earlier.id
            FROM job AS earlier
            WHERE earlier.workspace_id = %(workspace_id)s AND earlier.batch_id = job.batch_id
                AND earlier.index >= job.lane AND earlier.index < job.index AND earlier.lane = job.lane
                AND (earlier.state IN ('queued', 'running')) IS TRUE AND earlier.id <> ALL(%(ids)s)
            LIMIT 1
        ) IS NULL)
        -- The rest of a lane that a limit has cut is begun only when the relay has published it.
        AND (published_at IS NOT NULL OR (
            due_at <= moment.now AND (attempts > 0 OR due_at <= moment.last_century) AND (
                SELECT head.id
                FROM job AS head
                WHERE head.workspace_id = %(workspace_id)s AND head.batch_id = job.batch_id AND head.index = job.lane
                    AND (/* include earlier_identification */) IS NOT NULL
                LIMIT 1
            ) IS NULL
        ))
    RETURNING
        id, batch_id, index, kind, orphan_identifier, survivor_identifier, attempts,
        greatest(extract(EPOCH FROM moment.now - created_at), 0)::double precision AS waited_s,
        stalled_attempts > 0 AS has_stalled, published_at >= moment.now AS was_waiting
),

rest AS (
    SELECT waiting.id, min(waiting.index) OVER (PARTITION BY waiting.batch_id, waiting.lane) AS lane
    FROM job AS waiting
    WHERE waiting.workspace_id = %(workspace_id)s
        AND waiting.batch_id = ANY(ARRAY(SELECT begun.batch_id FROM begun WHERE begun.was_waiting))
        AND (waiting.state = 'queued') IS TRUE AND waiting.published_at IS NULL
        -- This statement does not see its own update.
        AND waiting.id <> ALL(%(ids)s)
),

led AS (
    UPDATE job
    SET lane = (SELECT rest.lane FROM rest WHERE rest.id = job.id)
    WHERE job.workspace_id = %(workspace_id)s AND job.id = ANY(ARRAY(SELECT rest.id FROM rest))
        AND job.lane <> (SELECT rest.lane FROM rest WHERE rest.id = job.id)
        AND (job.state = 'queued') IS TRUE AND job.published_at IS NULL
)

SELECT
    begun.id, begun.batch_id, begun.index, begun.kind, begun.orphan_identifier, begun.survivor_identifier,
    begun.attempts, begun.waited_s, begun.has_stalled, batch.request_id, batch.traceparent, batch.source = 'plan' AS planned
FROM begun
CROSS JOIN LATERAL (
    SELECT request_id, traceparent, source
    FROM batch
    WHERE batch.workspace_id = %(workspace_id)s AND batch.id = begun.batch_id
    LIMIT 1
) AS batch

-- name: lock_running_jobs
-- Locks the jobs that are running, so that a repeated delivery waits and then finds no job to run.
SELECT id
FROM job
WHERE workspace_id = %(workspace_id)s AND id = ANY(%(ids)s) AND state = 'running'
ORDER BY id
FOR UPDATE

-- name: record_results
-- Records the outcomes of jobs, given as a JSON array, in the transaction of their effects. The times are in the order of
-- the jobs, a microsecond apart: the identity feed goes by them.
UPDATE job
SET
    state = 'finished',
    outcome = given.outcome,
    reason = given.reason,
    finished_at = to_timestamp(moment.now + given.place * 0.000001::double precision),
    orphan_id = given.orphan_id,
    orphan_braze_id = given.orphan_braze_id,
    orphan_external_id = given.orphan_external_id,
    survivor_id = given.survivor_id,
    survivor_braze_id = given.survivor_braze_id,
    survivor_external_id = given.survivor_external_id,
    search_keys = array(
        SELECT DISTINCT found.key
        FROM unnest(
            job.search_keys || given.orphan_braze_id || given.orphan_external_id
            || given.survivor_braze_id || given.survivor_external_id || given.held_keys
        ) AS found (key)
        WHERE found.key IS NOT NULL
    )
FROM ROWS FROM (
    jsonb_to_recordset(%(rows)s) AS (
        id uuid, outcome text, reason text,
        orphan_id bigint, orphan_braze_id text, orphan_external_id text,
        survivor_id bigint, survivor_braze_id text, survivor_external_id text, held_keys text[]
    )
) WITH ORDINALITY AS given (
    id, outcome, reason, orphan_id, orphan_braze_id, orphan_external_id, survivor_id, survivor_braze_id,
    survivor_external_id, held_keys, place
)
CROSS JOIN (SELECT extract(EPOCH FROM statement_timestamp())::double precision AS now OFFSET 0) AS moment
WHERE job.workspace_id = %(workspace_id)s AND job.id = given.id

-- name: fail_attempt
-- Requeues a job after a failed attempt, in a lane of its own, or declares it dead. An attempt that ended because of
-- contention counts as stalled, not as failed; the limit of stalled attempts is higher. Without effect when another
-- attempt has started.
UPDATE job
SET
    state = CASE WHEN next.dead THEN 'dead' ELSE 'queued' END,
    finished_at = CASE WHEN next.dead THEN next.now END,
    stalled_attempts = job.stalled_attempts + CASE WHEN %(stalled)s THEN 1 ELSE 0 END,
    reason = %(reason)s,
    published_at = NULL,
    lane = job.index,
    due_at = next.due_at
FROM (
    SELECT
        id,
        CASE
            WHEN %(stalled)s THEN stalled_attempts + 1 >= %(max_stalled_attempts)s
            ELSE attempts - stalled_attempts >= %(max_attempts)s
        END AS dead,
        statement_timestamp() AS now,
        -- Conflicts with other transactions are short.
        statement_timestamp() + make_interval(secs => least(%(longest_s)s, %(delay_s)s * 2 ^ CASE
            WHEN %(stalled)s THEN least(stalled_attempts, 5) ELSE least(attempts - stalled_attempts - 1, 30)
        END)) AS due_at
    FROM job
    WHERE workspace_id = %(workspace_id)s AND id = %(id)s AND state = 'running' AND attempts = %(attempt)s
    FOR UPDATE
) AS next
WHERE job.workspace_id = %(workspace_id)s AND job.id = next.id
RETURNING job.state, job.task_id

-- name: withdraw_attempts
-- Uncounts attempts that PostgreSQL refused. The jobs count as published now: their message is repeated, or the rescue
-- finds them. Without effect on a job after another attempt has started.
UPDATE job
SET state = 'queued', attempts = job.attempts - 1, published_at = statement_timestamp()
FROM unnest(%(ids)s::uuid[], %(attempts)s::integer[]) AS begun (id, attempts)
WHERE job.workspace_id = %(workspace_id)s AND job.id = begun.id AND job.state = 'running'
    AND job.attempts = begun.attempts

-- name: latest_running_task
-- Returns the latest task id of running jobs, up to which the broker's queue has been consumed. Task ids sort by time of
-- publication. A running job has the id of the message that started it, which may be older than its last publication.
SELECT task_id
FROM job
WHERE workspace_id = %(workspace_id)s AND state = 'running' AND published_at IS NOT NULL
ORDER BY task_id DESC NULLS LAST
LIMIT 1

-- name: lock_lost_jobs
-- Locks jobs that were published long ago and never started, although the queue was consumed beyond their message. A
-- time in the future is one before PostgreSQL's clock was set back, and counts as long ago.
SELECT id
FROM job
WHERE workspace_id = %(workspace_id)s
    AND state = 'queued'
    AND (
        published_at < clock_timestamp() - make_interval(secs => %(after_s)s)
        OR published_at > clock_timestamp()
    )
    AND task_id < %(consumed_to)s
ORDER BY id
LIMIT %(limit)s
FOR UPDATE SKIP LOCKED

-- name: lock_stranded_jobs
-- Locks jobs whose attempt started long ago, or in the future, and that no worker has locked: the worker died. Jobs with
-- the maximum of stalled attempts are included at once.
SELECT id
FROM job
WHERE workspace_id = %(workspace_id)s
    AND state = 'running' AND published_at IS NOT NULL
    AND (
        started_at < clock_timestamp() - make_interval(secs => %(after_s)s)
        OR started_at > clock_timestamp()
        OR stalled_attempts >= %(max_stalled_attempts)s
    )
ORDER BY id
LIMIT %(limit)s
FOR UPDATE SKIP LOCKED

-- name: requeue_lost_jobs
-- Requeues locked jobs; jobs of one lane stay together and in order.
UPDATE job
SET published_at = NULL, lane = rescued.lane, due_at = rescued.due_at
FROM (
    SELECT
        id, min(index) OVER (PARTITION BY batch_id, lane) AS lane,
        now() - interval '100 years' + (priority - 3) * interval '1826 days' AS due_at
    FROM job
    WHERE workspace_id = %(workspace_id)s AND id = ANY(%(ids)s)
) AS rescued
WHERE job.workspace_id = %(workspace_id)s AND job.id = rescued.id

-- name: requeue_stranded_jobs
-- Counts a stalled attempt on each of the locked jobs and requeues them; jobs of one lane stay together and in order.
-- After several stalled attempts a job gets a lane of its own, since it may kill its workers; at the limit it is dead.
UPDATE job
SET
    state = CASE WHEN rescued.dead THEN 'dead' ELSE 'queued' END,
    finished_at = CASE WHEN rescued.dead THEN rescued.now END,
    reason = CASE WHEN rescued.dead THEN %(reason)s ELSE job.reason END,
    stalled_attempts = job.stalled_attempts + 1,
    published_at = NULL,
    lane = rescued.lane,
    due_at = rescued.due_at
FROM (
    SELECT
        id, dead, statement_timestamp() AS now, now() - interval '100 years' + (priority - 3) * interval '1826 days' AS due_at,
        CASE WHEN alone THEN index ELSE min(index) OVER (PARTITION BY batch_id, lane, alone) END AS lane
    FROM (
        SELECT
            id, index, batch_id, lane, priority,
            stalled_attempts + 1 >= %(isolate_after)s AS alone,
            stalled_attempts + 1 >= %(max_stalled_attempts)s AS dead
        FROM job
        WHERE workspace_id = %(workspace_id)s AND id = ANY(%(ids)s)
    ) AS stranded
) AS rescued
WHERE job.workspace_id = %(workspace_id)s AND job.id = rescued.id
RETURNING job.id, job.state, job.attempts

-- name: hasten_delayed_jobs
-- Makes jobs due at once that wait for a time that was set before PostgreSQL's clock stepped back: their last attempt is
-- in the future, or the time is later than any pause between attempts. Jobs of paused runs stay delayed.
UPDATE job
SET due_at = late.due_at
FROM (
    SELECT id, now() - interval '100 years' + (priority - 3) * interval '1826 days' AS due_at
    FROM job
    WHERE workspace_id = %(workspace_id)s AND state = 'queued' AND published_at IS NULL AND lane = index
        AND due_at > statement_timestamp() AND due_at < '9000-01-01 00:00+00'
        AND (started_at > statement_timestamp() OR due_at > statement_timestamp() + make_interval(secs => %(longest_s)s))
    FOR UPDATE
) AS late
WHERE job.workspace_id = %(workspace_id)s AND job.id = late.id

-- name: workspaces_to_rescue
-- Lists the workspaces with published, unfinished jobs, or with jobs that wait for a later time.
SELECT workspace_id FROM workspaces_to_rescue()

-- name: all_workspaces
-- Lists every workspace.
SELECT workspace_id FROM all_workspaces()

-- name: prune_batches
-- Deletes the oldest finished batches with their jobs and audit. A batch with an unfinished or dead job stays.
SELECT prune_old_batches(%(workspace_id)s, %(age)s, %(limit)s) AS pruned

-- name: prune_runs
-- Deletes the oldest ended runs whose batches are gone.
SELECT prune_old_runs(%(workspace_id)s, %(age)s, %(limit)s) AS pruned

-- name: prune_audit_entries
-- Deletes the oldest entries of the audit that belong to no batch.
SELECT prune_old_audit_entries(%(workspace_id)s, %(age)s, %(limit)s) AS pruned

-- name: prune_idempotency_keys
-- Deletes expired idempotency keys.
DELETE FROM idempotency
WHERE workspace_id = %(workspace_id)s AND created_at < now() - make_interval(hours => 1) * %(hours)s
