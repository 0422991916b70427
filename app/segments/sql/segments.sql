-- name: segment_page
-- Counts the profiles of a segment and finds one page of them in the order of their ids. The code replaces the two
-- comments by the joins and the condition of the filter, taken from the queries of leaves.sql.
WITH matching AS (
    SELECT profile.id
    FROM workspace_profile AS profile
    /* joins */
    WHERE profile.workspace_id = %(workspace_id)s
    /* condition */
)
SELECT
    (SELECT count(*) FROM matching) AS count,
    ARRAY(SELECT id FROM matching WHERE id > %(after)s ORDER BY id LIMIT %(limit)s) AS ids

-- name: try_pattern
-- Matches a regular expression against empty text; an error means that it is invalid.
SELECT '' ~* %(pattern)s::text AS matches
