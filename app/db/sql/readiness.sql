-- name: find_refusal
-- Returns whether the server is read-only, and whether the processes' role may write the ledger.
SELECT
    current_setting('transaction_read_only')::boolean AS read_only,
    has_table_privilege('job', 'INSERT') AND has_table_privilege('job', 'UPDATE') AS writable
