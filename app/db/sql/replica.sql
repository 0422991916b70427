-- A standby that answers large queries.

-- name: read_position
-- Returns the place in the write-ahead log up to which the primary has committed, and the installation. A commit that
-- is not flushed at once is visible before its place is flushed, so the last written place counts then.
SELECT
    CASE
        WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
        WHEN current_setting('synchronous_commit') = 'off' THEN pg_current_wal_insert_lsn()
        ELSE pg_current_wal_flush_lsn()
    END::text AS position,
    installation.id AS installation
FROM installation

-- name: read_replayed
-- Returns whether this server is a standby, whether it has replayed the log up to a position, and the installation.
SELECT
    pg_is_in_recovery() AS is_standby,
    coalesce(pg_last_wal_replay_lsn() >= %(position)s::pg_lsn, false) AS caught_up,
    installation.id AS installation
FROM installation
