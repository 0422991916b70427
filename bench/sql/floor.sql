-- name: list_jobs
-- The ledger's jobs in order.
SELECT id FROM job WHERE workspace_id = %(workspace_id)s ORDER BY id
