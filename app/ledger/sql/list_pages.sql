-- name: count_items
-- Counts the rows of a query, which app/ledger/list_pages.py writes in the place of the inner one.
SELECT count(*) AS items
FROM (
    SELECT %(workspace_id)s
) AS matching
