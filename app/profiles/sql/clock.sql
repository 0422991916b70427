-- name: the_time
-- Tells the time by the database's clock, which all processes share. It is asked under the locks, so that of two writes
-- to one profile the later one has the later time.
SELECT clock_timestamp() AS now
