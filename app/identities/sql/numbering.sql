-- Gives committed changes their numbers.

-- name: workspaces_with_identity_changes
-- Lists the workspaces that may have changes without a number: two index probes for each workspace.
SELECT workspace_id FROM workspaces_with_identity_changes()

-- name: add_feed
-- Creates the feed of a workspace.
INSERT INTO identity_feed (workspace_id)
VALUES (%(workspace_id)s)
ON CONFLICT (workspace_id) DO NOTHING

-- name: lock_feed
-- Locks the feed of a workspace, unless another transaction has locked it. Returns the id of this transaction.
SELECT
    last_number, checkpoint_xids, checkpoint_times, checked_at, pg_current_xact_id()::text::bigint AS xid,
    pg_snapshot_xmax(snapshot)::text::bigint AS "end"
FROM identity_feed
WHERE workspace_id = %(workspace_id)s
FOR UPDATE SKIP LOCKED

-- name: read_snapshot
-- Reads which transactions of the workspace's server have ended: a pass stores what it saw at least.
SELECT
    pg_current_snapshot()::text AS seen,
    pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS "end",
    least(
        pg_snapshot_xmax(pg_current_snapshot())::text::bigint,
        (SELECT min(running.xid::text::bigint) FROM pg_snapshot_xip(pg_current_snapshot()) AS running (xid))
    ) AS first_running
FROM workspace_home
WHERE workspace_id = %(workspace_id)s

-- name: number_changes
-- Numbers the oldest changes that have no number, up to the limit, in the order of their effects.
-- A transaction that has ended since the last pass has at least the id first_ended, and so wrote its changes at the time of
-- the last checkpoint before that id, or later. After a restore on another server, whose ids are lower, any of
-- the transactions that ran may have ended. The numbers are probed one by one: an anti-join might read the whole feed.
INSERT INTO identity_change AS added (
    workspace_id, number, entry_id, kind, at, job_id, undoes, orphan_braze_id, survivor_braze_id,
    orphan_external_id, survivor_external_id, former_external_id
)
WITH feed AS MATERIALIZED (
    SELECT
        last_number, snapshot, resume_at, checkpoint_xids, checkpoint_times,
        snapshot_of(workspace_id) AS seen
    FROM identity_feed
    WHERE workspace_id = %(workspace_id)s
),

first_ended AS MATERIALIZED (
    SELECT
        CASE
            WHEN pg_snapshot_xmax(feed.seen) < pg_snapshot_xmax(feed.snapshot)
                THEN pg_snapshot_xmin(feed.snapshot)::text::bigint
            ELSE least(
                pg_snapshot_xmax(feed.snapshot)::text::bigint,
                (
                    SELECT min(running.xid::text::bigint)
                    FROM pg_snapshot_xip(feed.snapshot) AS running (xid)
                    WHERE pg_visible_in_snapshot(running.xid, feed.seen)
                )
            )
        END AS xid
    FROM feed
),

bound AS MATERIALIZED (
    SELECT
        least(
            feed.resume_at,
            %(set_back_to)s::timestamptz,
            (
                SELECT max(checkpoint.at)
                FROM unnest(feed.checkpoint_xids, feed.checkpoint_times) AS checkpoint (xid, at)
                WHERE checkpoint.xid <= first_ended.xid
            ) - make_interval(secs => %(look_back_s)s)
        ) AS since
    FROM feed
    CROSS JOIN first_ended
),

found AS MATERIALIZED (
    (
        SELECT job.id, job.finished_at AS written_at, TRUE AS is_job
        FROM job
        WHERE job.workspace_id = %(workspace_id)s AND job.finished_at >= (SELECT bound.since FROM bound)
            AND job.outcome IN ('merged', 'identified', 'undone', 'undone_in_part')
            AND (
                SELECT known.number
                FROM identity_change AS known
                WHERE known.workspace_id = %(workspace_id)s AND known.entry_id = job.id
            ) IS NULL
        ORDER BY job.finished_at
        LIMIT %(limit)s
    )
    UNION ALL
    (
        SELECT entry.id, entry.at, FALSE
        FROM audit_entry AS entry
        WHERE entry.workspace_id = %(workspace_id)s AND entry.at >= (SELECT bound.since FROM bound)
            AND entry.action IN ('rename', 'remove', 'delete')
            AND (
                SELECT known.number
                FROM identity_change AS known
                WHERE known.workspace_id = %(workspace_id)s AND known.entry_id = entry.id
            ) IS NULL
        ORDER BY entry.at
        LIMIT %(limit)s
    )
    ORDER BY written_at, id
    LIMIT %(limit)s
),

described AS (
    -- The ledger has the external_ids before a merge: a survivor without one takes over the orphan's.
    SELECT
        found.id, found.written_at, found.id AS job_id, job.undoes,
        coalesce(merge.merged_at, identify.identified_at, undo.undone_at, job.finished_at) AS at,
        CASE
            WHEN job.outcome = 'merged' THEN 'merge'
            WHEN job.outcome = 'identified' THEN 'identify'
            ELSE 'undo'
        END AS kind,
        CASE WHEN pair.is_pair THEN job.orphan_braze_id END AS orphan_braze_id,
        coalesce(job.survivor_braze_id, job.orphan_braze_id) AS survivor_braze_id,
        CASE WHEN pair.is_pair AND NOT pair.is_lost THEN job.orphan_external_id END AS orphan_external_id,
        CASE
            WHEN job.outcome = 'merged' THEN coalesce(job.survivor_external_id, job.orphan_external_id)
            WHEN job.outcome = 'identified' THEN job.survivor_external_id
            WHEN pair.is_pair THEN nullif(job.survivor_external_id, job.orphan_external_id)
        END AS survivor_external_id,
        CASE WHEN job.outcome <> 'identified' AND NOT pair.is_pair THEN job.survivor_external_id END
            AS former_external_id
    FROM found
    JOIN job ON job.workspace_id = %(workspace_id)s AND job.id = found.id
    LEFT JOIN merge_record AS merge ON merge.workspace_id = %(workspace_id)s AND merge.job_id = found.id
    LEFT JOIN identify_record AS identify ON identify.workspace_id = %(workspace_id)s AND identify.job_id = found.id
    LEFT JOIN undo_record AS undo ON undo.workspace_id = %(workspace_id)s AND undo.job_id = found.id
    CROSS JOIN LATERAL (
        SELECT
            -- An identification and its undo are about one profile.
            job.outcome <> 'identified' AND job.orphan_id IS DISTINCT FROM job.survivor_id AS is_pair,
            -- Another profile had the external_id when the merge was undone.
            coalesce(
                job.not_restored @> jsonb_build_array(
                    jsonb_build_object('identifier', jsonb_build_object('external_id', job.orphan_external_id))
                ),
                FALSE
            ) AS is_lost
    ) AS pair
    WHERE found.is_job

    UNION ALL

    SELECT
        found.id, found.written_at, NULL, NULL, entry.at, entry.action,
        CASE WHEN entry.action = 'delete' THEN entry.braze_id END,
        CASE WHEN entry.action <> 'delete' THEN entry.braze_id END,
        NULL, entry.new_external_id, entry.external_id
    FROM found
    JOIN audit_entry AS entry ON entry.workspace_id = %(workspace_id)s AND entry.id = found.id
    WHERE NOT found.is_job
)

SELECT
    home.workspace_id,
    feed.last_number + row_number() OVER (ORDER BY change.at, change.written_at, change.id),
    change.id, change.kind, change.at, change.job_id, change.undoes, change.orphan_braze_id,
    change.survivor_braze_id,
    CASE WHEN erased.found IS NULL THEN change.orphan_external_id END,
    CASE WHEN erased.found IS NULL THEN change.survivor_external_id END,
    CASE WHEN erased.found IS NULL THEN change.former_external_id END
FROM described AS change
CROSS JOIN feed
LEFT JOIN LATERAL (
    -- The ledger keeps the names of some jobs of an orphan that a deletion named.
    SELECT TRUE AS found
    FROM audit_entry AS deletion
    WHERE deletion.workspace_id = %(workspace_id)s AND deletion.action = 'delete'
        AND deletion.braze_id = ANY(ARRAY[change.orphan_braze_id, change.survivor_braze_id])
    LIMIT 1
) AS erased ON TRUE
CROSS JOIN workspace_home AS home
WHERE home.workspace_id = %(workspace_id)s
RETURNING
    number, entry_id, kind, at, job_id, undoes, orphan_braze_id, orphan_external_id, survivor_braze_id,
    survivor_external_id, former_external_id

-- name: written_to
-- Reads the time at which the last of the changes after a number was written.
SELECT greatest(max(job.finished_at), max(entry.at)) AS written_to
FROM identity_change AS change
LEFT JOIN job ON job.workspace_id = %(workspace_id)s AND job.id = change.job_id
LEFT JOIN audit_entry AS entry ON entry.workspace_id = %(workspace_id)s AND entry.id = change.entry_id
WHERE change.workspace_id = %(workspace_id)s AND change.number > %(number)s

-- name: advance_feed
-- Stores how far the feed is.
UPDATE identity_feed
SET
    last_number = last_number + %(changes)s,
    snapshot = %(seen)s::pg_snapshot,
    resume_at = %(resume_at)s,
    checkpoint_xids = %(xids)s::bigint[],
    checkpoint_times = %(times)s::timestamptz[],
    horizon = %(horizon)s::timestamptz - make_interval(secs => %(look_back_s)s),
    checked_at = %(now)s
WHERE workspace_id = %(workspace_id)s

-- name: prune_changes
-- Deletes the first changes as long as they are older than the retention time, so that no gap arises.
DELETE FROM identity_change
WHERE workspace_id = %(workspace_id)s AND number = ANY(ARRAY(
    SELECT first.number
    FROM (
        SELECT oldest.number, bool_and(oldest.at < now() - %(age)s::interval) OVER (ORDER BY oldest.number) AS is_old
        FROM (
            SELECT change.number, change.at
            FROM identity_change AS change
            WHERE change.workspace_id = %(workspace_id)s
            ORDER BY change.number
            LIMIT %(limit)s
        ) AS oldest
    ) AS first
    WHERE first.is_old
))

-- name: lock_feed_for_erasure
-- Locks the feed of a workspace, so that no pass numbers changes with names that this transaction erases.
INSERT INTO identity_feed (workspace_id)
VALUES (%(workspace_id)s)
ON CONFLICT (workspace_id) DO UPDATE SET workspace_id = excluded.workspace_id

-- name: erase_names
-- Erases the external_ids in the changes of these profiles. The changes keep their numbers.
UPDATE identity_change
SET orphan_external_id = NULL, survivor_external_id = NULL, former_external_id = NULL
WHERE workspace_id = %(workspace_id)s
    AND (orphan_braze_id = ANY(%(braze_ids)s::text[]) OR survivor_braze_id = ANY(%(braze_ids)s::text[]))
