-- The table of revision 0045. New databases have it from the file of its subject.

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
