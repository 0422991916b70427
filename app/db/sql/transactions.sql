-- What a transaction is told.

-- name: tell
-- Tells the transaction its workspace, until it ends: row-level security lets it see that one and no other.
SELECT set_config('mergelane.workspace_id', %(workspace_id)s::integer::text, true) AS told
