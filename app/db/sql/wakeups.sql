-- Wake-ups of processes that sleep while there is no work.

-- name: read_backend_pid
-- Returns the process id of the session, which differs from the one that a pooler reports at the start.
SELECT pg_backend_pid() AS pid

-- name: begin_sleep
-- Announces the sleep of this session until *queue* has work.
SELECT begin_sleep(%(queue)s::text::regclass) AS role

-- name: end_sleep
-- Ends the sleep of this session.
SELECT end_sleep(%(queue)s::text::regclass)
