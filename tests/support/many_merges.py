"""Inserts many merges into the audit, for large exports."""

from typing import Any

import psycopg

MANY = """
WITH given AS (
    SELECT
        ('019' || substr(gen_random_uuid()::text, 4))::uuid AS batch_id,
        ('019' || substr(gen_random_uuid()::text, 4))::uuid AS job_id
    FROM generate_series(1, %(rows)s)
), batches AS (
    INSERT INTO batch (workspace_id, id, path) SELECT %(workspace_id)s, batch_id, '/users/merge' FROM given
), jobs AS (
    INSERT INTO job (
        workspace_id, id, batch_id, index, kind, lane, orphan_identifier, survivor_identifier, search_keys, state,
        outcome, reason, finished_at, orphan_id, orphan_braze_id, survivor_id, survivor_braze_id
    )
    SELECT
        %(workspace_id)s, job_id, batch_id, 0, 'merge', 0, '{"external_id": "o"}', '{"external_id": "s"}', '{}',
        'finished', 'merged', 'So.', now(), 1, 'a', 2, 'b'
    FROM given
)
INSERT INTO merge_record (
    workspace_id, job_id, merged_at, orphan_id, survivor_id, orphan_before, survivor_before, origins, changes
)
SELECT %(workspace_id)s, job_id, now(), 1, 2, image, image, '{}', '[]'
FROM given
CROSS JOIN (
    SELECT jsonb_build_object(
        'workspace_id', 1, 'id', 1, 'braze_id', lpad('1', 24, '0'), 'created_at', '2026-01-01T00:00:00+00:00',
        'updated_at', '2026-01-01T00:00:00+00:00', 'random_bucket', 1,
        'custom_attributes', jsonb_build_object('about', repeat('x', 5000))
    ) AS image
) AS profile
"""
"""Inserts merges of profiles with five kilobytes each."""


def insert_merges(connection: psycopg.Connection[Any], *, workspace_id: int, rows: int) -> None:
    """Insert *rows* finished merges; each has ten kilobytes in an export."""
    connection.execute(MANY, {"workspace_id": workspace_id, "rows": rows})
