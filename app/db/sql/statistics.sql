-- name: analyze_changed_tables
-- Runs ANALYZE on tables that have doubled since their last one; returns how many.
SELECT analyze_changed_tables(%(least)s) AS analyzed
