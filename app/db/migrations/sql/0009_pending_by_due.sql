-- Waiting lanes in the order in which they fall due, so that those whose time has not come are not even looked at.

CREATE INDEX job_due ON job (workspace_id, due_at, id)
    WHERE state = 'queued' AND published_at IS NULL AND lane = index;
DROP INDEX job_pending;
