-- Statements of every transaction.

-- name: set_workspace
-- Sets the transaction's workspace until it ends. Row-level security shows the rows of that workspace and no others.
SELECT set_config('mergelane.workspace_id', %(workspace_id)s::integer::text, true) AS workspace_id

-- name: set_statement_timeout
-- Sets the statement timeout of the transaction until it ends.
SELECT set_config('statement_timeout', %(milliseconds)s, true)

-- name: now
-- Returns PostgreSQL's clock, which all processes share.
SELECT clock_timestamp() AS now
