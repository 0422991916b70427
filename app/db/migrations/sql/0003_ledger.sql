-- The ledger: batches, jobs, what each merge changed, and the idempotency keys of requests.

CREATE TABLE batch (
    workspace_id integer NOT NULL REFERENCES workspace,
    id uuid NOT NULL,  -- version 7: newer ids sort later
    created_at timestamptz NOT NULL DEFAULT now(),
    api_key_id uuid,  -- who asked
    path text NOT NULL,  -- what was asked for
    PRIMARY KEY (workspace_id, id)
);

CREATE TABLE job (
    workspace_id integer NOT NULL,
    id uuid NOT NULL,  -- version 7: newer ids sort later
    batch_id uuid NOT NULL,
    index smallint NOT NULL CHECK (index >= 0),
    kind text NOT NULL CHECK (kind IN ('merge', 'identify', 'undo')),
    lane smallint NOT NULL CHECK (lane >= 0 AND lane <= index),  -- the index of the first job of its lane
    orphan_identifier jsonb NOT NULL,
    survivor_identifier jsonb NOT NULL,
    search_keys text[] NOT NULL,  -- the plain values by which operators look for the job

    state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'finished', 'dead')),
    outcome text CHECK (outcome IN (
        'refused_identifier', 'orphan_ambiguous', 'survivor_ambiguous', 'orphan_not_found', 'survivor_not_found',
        'already_merged', 'same_profile', 'orphan_identified', 'alias_conflict', 'protected', 'invalid_phones',
        'survivor_limit', 'merged', 'identified', 'undone', 'undone_in_part', 'not_undoable')),
    reason text,
    attempts smallint NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    task_id uuid,  -- the Celery task of the last delivery: what Flower shows
    created_at timestamptz NOT NULL DEFAULT now(),
    due_at timestamptz NOT NULL DEFAULT now(),  -- not published before
    published_at timestamptz,  -- null while the job waits for the relay
    started_at timestamptz,  -- of the last attempt
    finished_at timestamptz,

    orphan_id bigint,
    orphan_braze_id text,
    orphan_external_id text,
    survivor_id bigint,
    survivor_braze_id text,
    survivor_external_id text,

    PRIMARY KEY (workspace_id, id),
    UNIQUE (workspace_id, batch_id, index),
    FOREIGN KEY (workspace_id, batch_id) REFERENCES batch (workspace_id, id) ON DELETE CASCADE,
    CONSTRAINT outcome_exactly_when_finished CHECK ((outcome IS NOT NULL) = (state = 'finished')),
    CONSTRAINT end_exactly_when_settled CHECK ((finished_at IS NOT NULL) = (state IN ('finished', 'dead'))),
    CONSTRAINT reason_when_settled CHECK (reason IS NOT NULL OR state NOT IN ('finished', 'dead')),
    CONSTRAINT survivor_is_another_profile
        CHECK (outcome <> 'merged' OR (orphan_id IS NOT NULL AND survivor_id IS NOT NULL AND orphan_id <> survivor_id))
) WITH (fillfactor = 70);

-- What the relay claims: the heads of lanes that wait to be published.
CREATE INDEX job_pending ON job (workspace_id, id)
    WHERE state = 'queued' AND published_at IS NULL AND lane = index;
-- What the rescue looks through: jobs on their way.
CREATE INDEX job_under_way ON job (workspace_id, published_at)
    WHERE state IN ('queued', 'running') AND published_at IS NOT NULL;
-- What operators list.
CREATE INDEX job_by_state ON job (workspace_id, state, outcome, id);
CREATE INDEX job_by_search_key ON job USING gin (search_keys);

-- The audit of a merge: both profiles before it, and what changed on the survivor.
CREATE TABLE merge_record (
    workspace_id integer NOT NULL,
    job_id uuid NOT NULL,
    merged_at timestamptz NOT NULL,
    orphan_id bigint NOT NULL,
    survivor_id bigint NOT NULL,
    orphan_before jsonb NOT NULL,
    survivor_before jsonb NOT NULL,
    origins bigint[] NOT NULL,  -- the origins that the orphan brought, its own among them
    changes jsonb NOT NULL,  -- [{field, before, after, rule}]
    PRIMARY KEY (workspace_id, job_id),
    FOREIGN KEY (workspace_id, job_id) REFERENCES job (workspace_id, id) ON DELETE CASCADE,
    CHECK (orphan_id <> survivor_id)
);

CREATE TABLE idempotency (
    workspace_id integer NOT NULL REFERENCES workspace,
    path text NOT NULL,
    key text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    body_digest bytea NOT NULL,
    batch_id uuid NOT NULL,  -- the first answer is made again from its batch
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, path, key)
);
CREATE INDEX idempotency_age ON idempotency (workspace_id, created_at);
