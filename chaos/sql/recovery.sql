-- name: slowest_since
-- Counts the jobs in progress at a given time, and returns the seconds until the last of them finished.
SELECT
    count(*) AS jobs,
    coalesce(extract(epoch FROM max(finished_at) - %(moment)s), 0)::float AS slowest_s
FROM job
WHERE created_at <= %(moment)s AND finished_at > %(moment)s AND state = 'finished'

-- name: unfinished_since
-- Counts the unfinished jobs that existed at a given time.
SELECT count(*) AS jobs
FROM job
WHERE created_at <= %(moment)s AND state IN ('queued', 'running')
