-- name: segment_page
-- Counts the profiles of a segment and finds one page of them in the order of their ids. The joins and the condition of
-- a filter, put together from the queries of leaves.sql, take the places of the two comments.
WITH matching AS (
    SELECT profile.id
    FROM own_profile AS profile
    /* joins */
    WHERE profile.workspace_id = %(workspace_id)s
    /* condition */
)
SELECT
    (SELECT count(*) FROM matching) AS count,
    ARRAY(SELECT id FROM matching WHERE id > %(after)s ORDER BY id LIMIT %(limit)s) AS ids

-- name: try_pattern
-- Matches a regular expression with nothing, to learn whether it is one.
SELECT '' ~* %(pattern)s::text AS matches

-- name: in_utc
-- Has moments that are written without a zone read in UTC until the transaction ends, whatever the server's zone is.
SELECT set_config('TimeZone', 'UTC', true) AS zone
