-- name: analyze_outgrown_tables
-- Lets PostgreSQL count the tables anew that have more than doubled since it did; tells how many.
SELECT analyze_outgrown_tables(%(least)s) AS analyzed
