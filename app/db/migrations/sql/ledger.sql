-- The ledger: every accepted request is a batch of jobs, and every job keeps its state and outcome here.

-- One accepted request, or one step of a run over duplicates, with one job for each merge.
CREATE TABLE batch (
    workspace_id integer NOT NULL REFERENCES workspace,
    id uuid NOT NULL,  -- UUID version 7: newer ids sort later
    created_at timestamptz NOT NULL DEFAULT now(),
    api_key_id uuid,  -- the key of the request
    path text NOT NULL,  -- the path of the request
    request_id text,  -- null without a request
    traceparent text,  -- W3C Trace Context of the request's span, which the trace continues from
    source text NOT NULL DEFAULT 'api',  -- 'api' for a request, or the kind of the run that made it
    run_id uuid,  -- the run that it belongs to
    -- As its run has counted it: null when it is new or a job was retried, queued while no job has begun, settled when all jobs have ended.
    run_state text,
    run_counts jsonb,  -- the counted jobs by outcome, or by state while they have none
    PRIMARY KEY (workspace_id, id),
    CONSTRAINT source_is_known CHECK (source IN ('api', 'duplicates', 'plan')),
    CONSTRAINT duplicates_have_a_run CHECK (source <> 'duplicates' OR run_id IS NOT NULL)
);
-- Lists the requests of one key for the audit.
CREATE INDEX batch_by_key ON batch (workspace_id, api_key_id, id);
-- Lists the batches of runs over duplicates; batches of requests are not in it.
CREATE INDEX batch_of_run ON batch (workspace_id, id) WHERE source = 'duplicates';
-- Lists the batches of one run.
CREATE INDEX batch_by_run ON batch (workspace_id, run_id, id) WHERE run_id IS NOT NULL;
-- Batches that their run has still to count.
CREATE INDEX batch_to_count ON batch (workspace_id, run_state, id)
    WHERE run_id IS NOT NULL AND run_state IS DISTINCT FROM 'settled';

ALTER TABLE batch ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON batch USING (workspace_id = current_workspace());


-- One merge, identification or undo. A job is queued, published, running, and then finished with one outcome, or dead
-- after its last attempt failed.
CREATE TABLE job (
    workspace_id integer NOT NULL,
    id uuid NOT NULL,  -- UUID version 7: newer ids sort later
    batch_id uuid NOT NULL,
    index smallint NOT NULL CHECK (index >= 0),  -- position in the request
    kind text NOT NULL CHECK (kind IN ('merge', 'identify', 'undo')),
    lane smallint NOT NULL CHECK (lane >= 0 AND lane <= index),  -- index of the first job of its lane in the batch
    orphan_identifier jsonb NOT NULL,  -- as the request names it
    survivor_identifier jsonb NOT NULL,
    -- Plain values of the identifiers, by which operators search for the job. Until it ends, the comparable values of
    -- orphan and survivor come first. A merge adds what the orphan had: see app/ledger/search.py.
    search_keys text[] NOT NULL,

    state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'finished', 'dead')),
    outcome text CHECK (outcome IN (
        'refused_identifier', 'orphan_ambiguous', 'survivor_ambiguous', 'orphan_not_found', 'survivor_not_found',
        'already_merged', 'same_profile', 'orphan_identified', 'alias_conflict', 'protected', 'invalid_phones',
        'survivor_limit', 'merged', 'identified', 'undone', 'undone_in_part', 'not_undoable',
        'cancelled', 'changed_since_plan')),
    reason text,  -- a sentence that explains the outcome or the failure
    attempts smallint NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    task_id uuid,  -- Celery task of the last delivery, as Flower shows it
    created_at timestamptz NOT NULL DEFAULT now(),
    -- The relay publishes the job from this time on. A job that is due at once has the present time less a century: so
    -- it stays due when the clock of this server steps back, and jobs are published in the order of their acceptance. An
    -- urgency above or below 3 moves it by 1826 days for each step, so that this order is also that of the urgency.
    due_at timestamptz NOT NULL DEFAULT now() - interval '100 years',
    published_at timestamptz,  -- null while the job waits for the relay
    started_at timestamptz,  -- start of the last attempt
    finished_at timestamptz,

    -- The profiles that the identifiers named when the job ran.
    orphan_id bigint,
    orphan_braze_id text,
    orphan_external_id text,
    survivor_id bigint,
    survivor_braze_id text,
    survivor_external_id text,

    stalled_attempts smallint NOT NULL DEFAULT 0,  -- attempts that ended because the worker or its connection was lost
    undoes uuid,  -- for an undo: the job that it undoes
    not_restored jsonb,  -- for an undo: [{identifier, why}]
    undone_at timestamptz,  -- for an undone merge
    undone_by uuid,  -- for an undone merge: the undo job
    priority smallint NOT NULL DEFAULT 3,  -- urgency: from 0, the most urgent, to 7

    PRIMARY KEY (workspace_id, id),
    UNIQUE (workspace_id, batch_id, index),
    FOREIGN KEY (workspace_id, batch_id) REFERENCES batch (workspace_id, id) ON DELETE CASCADE,
    CONSTRAINT outcome_exactly_when_finished CHECK ((outcome IS NOT NULL) = (state = 'finished')),
    CONSTRAINT finished_at_exactly_when_ended CHECK ((finished_at IS NOT NULL) = (state IN ('finished', 'dead'))),
    CONSTRAINT reason_when_ended CHECK (reason IS NOT NULL OR state NOT IN ('finished', 'dead')),
    CONSTRAINT survivor_is_another_profile
        CHECK (outcome <> 'merged' OR (orphan_id IS NOT NULL AND survivor_id IS NOT NULL AND orphan_id <> survivor_id)),
    CONSTRAINT undo_names_its_job CHECK ((kind = 'undo') = (undoes IS NOT NULL)),
    CONSTRAINT undone_at_with_undone_by CHECK ((undone_at IS NULL) = (undone_by IS NULL)),
    CONSTRAINT priority_is_an_urgency CHECK (priority BETWEEN 0 AND 7)
) WITH (fillfactor = 70);

-- The relay: lanes to publish, by the time when they are due. Only the first job of a lane is in it.
CREATE INDEX job_due ON job (workspace_id, due_at, id)
    WHERE state = 'queued' AND published_at IS NULL AND lane = index;
-- The relay: lanes of identifications to publish, before all other jobs of the workspace.
CREATE INDEX job_identify_due ON job (workspace_id, due_at, id)
    WHERE kind = 'identify' AND state = 'queued' AND published_at IS NULL AND lane = index;
-- The relay: unfinished identifications by the orphan's comparable value and by the external_id, which later jobs wait
-- for. The first two search keys of an identification are these. IS TRUE keeps the planner from the index job_by_state,
-- IS NOT NULL from the other one of the two.
CREATE INDEX job_identify_orphan ON job (workspace_id, (search_keys[1]), created_at, batch_id)
    WHERE kind = 'identify' AND (state IN ('queued', 'running')) IS TRUE AND search_keys[1] IS NOT NULL;
CREATE INDEX job_identify_survivor ON job (workspace_id, (search_keys[2]), created_at, batch_id)
    WHERE kind = 'identify' AND (state IN ('queued', 'running')) IS TRUE AND search_keys[2] IS NOT NULL;
-- The rescue: published jobs that have not ended.
CREATE INDEX job_published ON job (workspace_id, published_at)
    WHERE state IN ('queued', 'running') AND published_at IS NOT NULL;
-- Lists of jobs by state and outcome.
CREATE INDEX job_by_state ON job (workspace_id, state, outcome, id);
CREATE INDEX job_by_search_key ON job USING gin (search_keys);
-- Throughput: jobs by the time when they ended.
CREATE INDEX job_ended ON job (workspace_id, finished_at) INCLUDE (outcome) WHERE finished_at IS NOT NULL;
-- At most one queued, running or dead undo of a job.
CREATE UNIQUE INDEX job_undo_without_outcome ON job (workspace_id, undoes)
    WHERE undoes IS NOT NULL AND outcome IS NULL;

-- No plan uses statistics of these columns.
ALTER TABLE job
    ALTER COLUMN not_restored SET STATISTICS 0,
    ALTER COLUMN orphan_braze_id SET STATISTICS 0,
    ALTER COLUMN orphan_external_id SET STATISTICS 0,
    ALTER COLUMN orphan_identifier SET STATISTICS 0,
    ALTER COLUMN reason SET STATISTICS 0,
    ALTER COLUMN survivor_braze_id SET STATISTICS 0,
    ALTER COLUMN survivor_external_id SET STATISTICS 0,
    ALTER COLUMN survivor_identifier SET STATISTICS 0;

ALTER TABLE job ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON job USING (workspace_id = current_workspace());

-- Wakes a sleeping relay: jobs become due by INSERT, by a new due time, and as the new head of a lane.
CREATE TRIGGER wake_relay AFTER INSERT OR UPDATE OF due_at, lane ON job FOR EACH STATEMENT
    WHEN (NOT pg_try_advisory_xact_lock_shared(1835823980, 'job'::regclass::oid::integer))
    EXECUTE FUNCTION notify_sleeper('mergelane_job');
-- Wakes it too when a queue is resumed, or when its limit changes.
CREATE TRIGGER wake_relay AFTER INSERT OR UPDATE OF paused_at, merges_per_minute_limit ON queue_control
    FOR EACH STATEMENT
    WHEN (NOT pg_try_advisory_xact_lock_shared(1835823980, 'job'::regclass::oid::integer))
    EXECUTE FUNCTION notify_sleeper('mergelane_job');

-- The jobs of the current workspace, for searches that need the GIN index job_by_search_key. See workspace_profile.
CREATE OR REPLACE VIEW workspace_job AS
SELECT
    workspace_id, id, state, outcome, search_keys, orphan_identifier, survivor_identifier, orphan_braze_id,
    survivor_braze_id, batch_id, kind, undone_at
FROM job
WHERE workspace_id = current_workspace();

-- The pending lanes of the current workspace that wait for an identification: a job of theirs names an identifier of an
-- unfinished identification that was accepted earlier, in another batch. *id* is the first job of the lane. Batches are
-- ordered by time and id, so that lanes never wait for each other in a circle. Each LIMIT is one index lookup.
CREATE OR REPLACE VIEW held_lane AS
SELECT head.workspace_id, head.id
FROM job AS head
CROSS JOIN LATERAL (
    SELECT unnest(member.search_keys) AS key
    FROM job AS member
    WHERE member.workspace_id = head.workspace_id AND member.batch_id = head.batch_id AND member.index >= head.lane
        AND member.lane = head.lane AND (member.state = 'queued') IS TRUE
    OFFSET 0
) AS named
CROSS JOIN LATERAL (
    (
        SELECT identification.id
        FROM job AS identification
        WHERE identification.workspace_id = head.workspace_id AND identification.search_keys[1] = named.key
            AND identification.kind = 'identify' AND (identification.state IN ('queued', 'running')) IS TRUE
            AND (identification.created_at, identification.batch_id) < (head.created_at, head.batch_id)
        LIMIT 1
    )
    UNION ALL
    (
        SELECT identification.id
        FROM job AS identification
        WHERE identification.workspace_id = head.workspace_id AND identification.search_keys[2] = named.key
            AND identification.kind = 'identify' AND (identification.state IN ('queued', 'running')) IS TRUE
            AND (identification.created_at, identification.batch_id) < (head.created_at, head.batch_id)
        LIMIT 1
    )
) AS earlier
WHERE head.workspace_id = current_workspace();

-- Returns the workspaces that have a lane due to be published and may publish one now, whether they have a limit, and
-- whether the first job is more urgent than by default. Workspaces that have paused their queue, or have used their limit, are left out. LATERAL with LIMIT 1 is one index lookup for
-- each workspace; EXISTS became a join that read the whole backlog while the statistics were old. A workspace in *floors*
-- has one lookup for each band of due times from its floor on: see the query claim_lanes.
CREATE OR REPLACE FUNCTION publishable_workspaces_from(floors jsonb) RETURNS TABLE (
    workspace_id integer, has_limit boolean, has_urgent boolean
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT
        w.workspace_id, control.merges_per_minute_limit IS NOT NULL,
        due.due_at < now() - interval '100 years' - interval '913 days'
    FROM open_workspace AS w
    LEFT JOIN queue_control AS control ON control.workspace_id = w.workspace_id
    CROSS JOIN LATERAL (
        SELECT head.due_at
        FROM (
            SELECT 0 AS place, '-infinity'::timestamptz AS after, now() AS until
            WHERE floors -> w.workspace_id::text IS NULL
            UNION ALL
            SELECT
                given.place,
                coalesce(to_timestamp(given.floor::double precision), CASE given.place
                    WHEN 1 THEN '-infinity'
                    ELSE now() - interval '100 years' + (given.place - 5) * interval '1826 days'
                END),
                CASE given.place
                    WHEN 9 THEN now()
                    ELSE now() - interval '100 years' + (given.place - 4) * interval '1826 days'
                END
            FROM jsonb_array_elements_text(floors -> w.workspace_id::text) WITH ORDINALITY AS given (floor, place)
            ORDER BY place
        ) AS band
        CROSS JOIN LATERAL (
            SELECT job.due_at
            FROM job
            WHERE job.workspace_id = w.workspace_id
                AND job.state = 'queued' AND job.published_at IS NULL AND job.lane = job.index
                AND job.due_at > band.after AND job.due_at <= band.until
            ORDER BY job.due_at, job.id
            LIMIT 1
        ) AS head
        LIMIT 1
    ) AS due
    WHERE control.paused_at IS NULL
        AND (
            control.merges_per_minute_limit IS NULL OR control.paced_at IS NULL
            OR control.paced_at + interval '1 minute' / control.merges_per_minute_limit <= now()
        )
    ORDER BY w.workspace_id;
END;

-- Does the same from the beginning, for relays of a version before revision 0045.
CREATE OR REPLACE FUNCTION publishable_workspaces() RETURNS TABLE (
    workspace_id integer, has_limit boolean, has_urgent boolean
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT publishable.workspace_id, publishable.has_limit, publishable.has_urgent
    FROM publishable_workspaces_from('{}') AS publishable;
END;

-- Does the same for relays of a version before revision 0034.
CREATE OR REPLACE FUNCTION workspaces_with_pending_jobs() RETURNS TABLE (workspace_id integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT publishable.workspace_id FROM publishable_workspaces() AS publishable;
END;

-- Returns the time when the next pending lane may be published, or null without one. Jobs of paused runs have no such time.
-- One index lookup for each workspace.
CREATE OR REPLACE FUNCTION next_job_due_at() RETURNS timestamptz
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT min(greatest(due.due_at, control.paced_at + interval '1 minute' / control.merges_per_minute_limit))
    FROM open_workspace AS w
    LEFT JOIN queue_control AS control ON control.workspace_id = w.workspace_id
    CROSS JOIN LATERAL (
        SELECT job.due_at
        FROM job
        WHERE job.workspace_id = w.workspace_id
            AND job.state = 'queued' AND job.published_at IS NULL AND job.lane = job.index
            AND job.due_at < '9000-01-01 00:00+00'
        ORDER BY job.due_at, job.id
        LIMIT 1
    ) AS due
    WHERE control.paused_at IS NULL;
END;

-- Returns the workspaces that have published jobs that have not ended, for relays of a version before revision 0027.
CREATE OR REPLACE FUNCTION workspaces_with_published_jobs() RETURNS TABLE (workspace_id integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT w.workspace_id
    FROM open_workspace AS w
    CROSS JOIN LATERAL (
        SELECT job.id
        FROM job
        WHERE job.workspace_id = w.workspace_id
            AND job.state IN ('queued', 'running') AND job.published_at IS NOT NULL
        ORDER BY job.published_at
        LIMIT 1
    ) AS under_way
    ORDER BY w.workspace_id;
END;

-- Returns the workspaces that the rescue sweeps: those with published jobs that have not ended, or with a job that is
-- queued for later. Two index lookups for each workspace.
CREATE OR REPLACE FUNCTION workspaces_to_rescue() RETURNS TABLE (workspace_id integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT w.workspace_id
    FROM open_workspace AS w
    CROSS JOIN LATERAL (
        (
            SELECT job.id
            FROM job
            WHERE job.workspace_id = w.workspace_id
                AND job.state IN ('queued', 'running') AND job.published_at IS NOT NULL
            ORDER BY job.published_at
            LIMIT 1
        )
        UNION ALL
        (
            SELECT job.id
            FROM job
            WHERE job.workspace_id = w.workspace_id
                AND job.state = 'queued' AND job.published_at IS NULL AND job.lane = job.index AND job.due_at > now()
                AND job.due_at < '9000-01-01 00:00+00'
            ORDER BY job.due_at DESC, job.id DESC
            LIMIT 1
        )
        LIMIT 1
    ) AS found
    ORDER BY w.workspace_id;
END;

-- Returns for metrics: the queued, running and dead jobs of each workspace, each counted up to *bound*, and the age of
-- its oldest queued job in seconds. Returns at most *most* workspaces, those with the oldest jobs first; the column
-- workspaces has the number of all of them. Every lookup and every count uses an index.
CREATE OR REPLACE FUNCTION count_jobs_by_workspace(most integer, bound integer) RETURNS TABLE (
    workspace_id integer, workspaces bigint, oldest_s double precision, queued bigint, running bigint, dead bigint
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT
        selected.workspace_id, selected.workspaces,
        -- Not negative when the clock of this server was set back.
        greatest(extract(EPOCH FROM clock_timestamp() - selected.oldest), 0)::double precision,
        queued.jobs, running.jobs, dead.jobs
    FROM (
        SELECT
            w.workspace_id, waiting.created_at AS oldest, other.found,
            count(*) FILTER (WHERE waiting.created_at IS NOT NULL OR other.found) OVER () AS workspaces
        FROM open_workspace AS w
        -- A queued job has no outcome, so this order is that of the ids, which is the order of creation.
        LEFT JOIN LATERAL (
            SELECT job.created_at
            FROM job
            WHERE job.workspace_id = w.workspace_id AND job.state = 'queued'
            ORDER BY job.outcome, job.id
            LIMIT 1
        ) AS waiting ON TRUE
        LEFT JOIN LATERAL (
            SELECT TRUE AS found
            FROM job
            WHERE job.workspace_id = w.workspace_id AND job.state IN ('running', 'dead')
            LIMIT 1
        ) AS other ON TRUE
        -- Workspaces without such jobs come last: they have series too, with the value 0.
        ORDER BY waiting.created_at NULLS LAST, other.found NULLS LAST, w.workspace_id
        LIMIT count_jobs_by_workspace.most
    ) AS selected
    CROSS JOIN LATERAL (
        SELECT count(*) AS jobs
        FROM (
            SELECT FROM job
            WHERE job.workspace_id = selected.workspace_id AND job.state = 'queued'
            LIMIT count_jobs_by_workspace.bound
        ) AS found
    ) AS queued
    CROSS JOIN LATERAL (
        SELECT count(*) AS jobs
        FROM (
            SELECT FROM job
            WHERE job.workspace_id = selected.workspace_id AND job.state = 'running'
            LIMIT count_jobs_by_workspace.bound
        ) AS found
    ) AS running
    CROSS JOIN LATERAL (
        SELECT count(*) AS jobs
        FROM (
            SELECT FROM job
            WHERE job.workspace_id = selected.workspace_id AND job.state = 'dead'
            LIMIT count_jobs_by_workspace.bound
        ) AS found
    ) AS dead
    ORDER BY selected.oldest NULLS LAST, selected.found NULLS LAST, selected.workspace_id;
END;

REVOKE ALL ON FUNCTION
    publishable_workspaces_from(jsonb), publishable_workspaces(), workspaces_with_pending_jobs(), next_job_due_at(), workspaces_with_published_jobs(), workspaces_to_rescue(),
    count_jobs_by_workspace(integer, integer)
FROM PUBLIC;


-- The failed attempts of jobs. A job without one has no row.
CREATE TABLE failed_attempt (
    workspace_id integer NOT NULL,
    job_id uuid NOT NULL,
    number integer NOT NULL,  -- counts from 1 over all retries of the job; the newest 50 rows are kept
    attempt smallint NOT NULL,  -- counts from 1 after each retry
    failed_at timestamptz NOT NULL DEFAULT now(),
    reason text NOT NULL,  -- names the type of the error, and no value of a profile
    task_id uuid,  -- Celery task; null for an attempt without an end
    PRIMARY KEY (workspace_id, job_id, number),
    FOREIGN KEY (workspace_id, job_id) REFERENCES job (workspace_id, id) ON DELETE CASCADE
);

ALTER TABLE failed_attempt ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON failed_attempt USING (workspace_id = current_workspace());


-- Idempotency keys of requests. A repeated request gets the response of its batch, or its stored response.
CREATE TABLE idempotency (
    workspace_id integer NOT NULL REFERENCES workspace,
    path text NOT NULL,
    key text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),  -- a digest: see app/ledger/idempotency.py
    body_digest bytea NOT NULL,  -- a repeated key with another body is refused
    batch_id uuid,  -- of a request that became a batch
    created_at timestamptz NOT NULL DEFAULT now(),
    response bytea,  -- of any other request: encrypted, see app/ledger/stored_responses.py
    PRIMARY KEY (workspace_id, path, key)
);
-- Finds old keys to delete.
CREATE INDEX idempotency_age ON idempotency (workspace_id, created_at);

ALTER TABLE idempotency ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON idempotency USING (workspace_id = current_workspace());
