-- When jobs ended, for those who look at throughput.

-- Harmless: no release has filled the table yet.
CREATE INDEX job_settled ON job (workspace_id, finished_at) INCLUDE (outcome) WHERE finished_at IS NOT NULL;
