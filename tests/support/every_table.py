"""Fills every table with a row of one workspace."""

from datetime import UTC, datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from app import keys
from app.config import Settings
from app.db.connections import Pool
from app.lane.run import Lane, execute_lane
from tests.support.factories import Factory, ext

HISTORY = {
    "purchase": "origin_id, product_id, occurred_at, currency, price_cents) VALUES (%s, %s, 'hat', now(), 'USD', 1",
    "session": "origin_id, app_id, started_at) VALUES (%s, %s, 'shop', now()",
    "engagement": "origin_id, kind, message_id, occurred_at, event) VALUES (%s, %s, 'campaign', 'x', now(), 'opened'",
}
DUPLICATES = {
    "duplicate_policy": "identifier, resolve_ties_by, prefer, time_zone)"
    " VALUES (%s, 'email', 'created', 'newest', 'UTC'",
    "duplicate_exclusion": "id, low_origin_id, high_origin_id, low_braze_id, high_braze_id)"
    " VALUES (%s, gen_random_uuid(), 1, 2, 'a', 'b'",
    "duplicate_run": "id, trigger, identifier, resolve_ties_by, prefer, cursor, counts)"
    " VALUES (%s, gen_random_uuid(), 'api', 'email', 'created', 'newest', '{}', '{}'",
}

UNDO = "undo_record SELECT workspace_id, id, id, now(), now(), 7, 8, '[]' FROM job WHERE workspace_id = %s AND id = %s"


def furnish(factory: Factory, pool: Pool) -> None:
    """Insert rows of one workspace into every table: profiles with history, merges, an undo, audit records, a key."""
    (name,) = factory.rows("SELECT name FROM workspace WHERE workspace_id = %s")
    key_id, _ = keys.create_key(factory.connection, workspace=name["name"], label="test", permissions=["*"])
    factory.rows("INSERT INTO sign_in VALUES (%s, '', %s, now(), now()) RETURNING 1", key_id)
    person = factory.profile("person", user_aliases={"shop": "7"}, email="one@example.com")
    factory.event(person, "login", datetime.now(UTC))
    for table, values in HISTORY.items():
        factory.rows(f"INSERT INTO {table} (workspace_id, {values}) RETURNING 1", person.id)
    factory.rows("INSERT INTO deprecated_external_id VALUES (%s, 'old', %s, now()) RETURNING 1", person.id)
    factory.rows("INSERT INTO push_token_report VALUES (%s, sha256('ios:t'), %s) RETURNING 1", person.id)
    factory.rows("INSERT INTO idempotency VALUES (%s, '/users/merge', 'key', '', %s) RETURNING 1", uuid7())
    factory.profile("orphan")
    job_id = factory.job(ext("orphan"), ext("person"), search_keys=["orphan", "person"])
    execute_lane(pool, Settings(), Lane(workspace_id=factory.workspace_id, job_ids=[job_id], task_id=uuid7()))
    furnish_webhooks(factory, job_id)
    entry = "(workspace_id, id, action, path) VALUES (%s, %s, 'delete', '/users/delete')"
    factory.rows(f"INSERT INTO audit_entry {entry} RETURNING 1", uuid7())
    for audit in ("identify_record VALUES (%s, %s, now(), 7, now())", UNDO):
        factory.rows(f"INSERT INTO {audit} RETURNING 1", job_id)
    factory.rows("INSERT INTO queue_cancellation (workspace_id, id, reason) VALUES (%s, %s, '') RETURNING 1", uuid7())
    factory.rows("INSERT INTO queue_control (workspace_id) VALUES (%s) RETURNING 1")
    factory.rows("INSERT INTO key_recomputation (workspace_id) VALUES (%s) RETURNING 1")
    factory.rows("INSERT INTO key_change VALUES (%s, %s, 'email', 'a', 'b') RETURNING 1", person.id)
    factory.rows("INSERT INTO former_name VALUES (%s, %s, 'email', '', 'old@example.com') RETURNING 1", person.id)
    factory.rows(
        "INSERT INTO erasure (workspace_id, id, braze_id, path, state, origin_ids, jobs, counts)"
        " VALUES (%s, gen_random_uuid(), 'a', '/users/delete', 'history', '{}', '[]', '{}') RETURNING 1"
    )
    run = (
        "INSERT INTO run (workspace_id, id, kind, state) VALUES (%s, gen_random_uuid(), 'client', 'open') RETURNING id"
    )
    (row,) = factory.rows(run)
    factory.rows("INSERT INTO run_progress (workspace_id, run_id) VALUES (%s, %s) RETURNING 1", row["id"])
    factory.rows("INSERT INTO run_pause (workspace_id, run_id, reason) VALUES (%s, %s, '') RETURNING 1", row["id"])
    factory.rows("INSERT INTO run_undo_merge VALUES (%s, %s, now(), %s) RETURNING 1", row["id"], job_id)
    plan = "INSERT INTO plan (workspace_id, id, expires_at) VALUES (%s, gen_random_uuid(), now()) RETURNING id"
    (row,) = factory.rows(plan)
    factory.rows(
        "INSERT INTO plan_update (workspace_id, plan_id, index, orphan_identifier, survivor_identifier, outcome,"
        " reason, excluded, changes, names) VALUES (%s, %s, 0, '{}', '{}', '', '', false, '[]', '[]') RETURNING 1",
        row["id"],
    )
    factory.rows("INSERT INTO failed_attempt VALUES (%s, %s, 1, 1, now(), '') RETURNING 1", job_id)
    factory.rows("INSERT INTO plan_job VALUES (%s, %s, %s, 0) RETURNING 1", job_id, row["id"])
    for table, values in DUPLICATES.items():
        factory.rows(f"INSERT INTO {table} (workspace_id, {values}) RETURNING 1")
    factory.rows("INSERT INTO workspace_move (workspace_id, target, step) VALUES (%s, 'a', 'copying') RETURNING 1")
    for table in ("job_minute", "job_hour"):
        factory.rows(f"INSERT INTO {table} VALUES (%s, now(), 1, '{{}}', 1) RETURNING 1")
    factory.rows("INSERT INTO identity_feed (workspace_id) VALUES (%s) RETURNING 1")
    factory.rows(
        "INSERT INTO identity_change (workspace_id, number, entry_id, kind, at)"
        " VALUES (%s, 1, gen_random_uuid(), 'merge', now()) RETURNING 1"
    )


def furnish_webhooks(factory: Factory, job_id: UUID) -> None:
    """Insert a webhook, a watch and a notice of one workspace."""
    webhook_id = uuid7()
    made = "id, url, types, description, enabled, salt, pepper) VALUES (%s, %s, 'https://x', '{}', '', true, '', ''"
    factory.rows(f"INSERT INTO webhook (workspace_id, {made}) RETURNING 1", webhook_id)
    factory.rows(
        "INSERT INTO webhook_watch (workspace_id, batch_id, kind)"
        " SELECT workspace_id, batch_id, kind FROM job WHERE workspace_id = %s AND id = %s RETURNING 1",
        job_id,
    )
    factory.rows(
        "INSERT INTO webhook_delivery (workspace_id, id, webhook_id, type, body)"
        " VALUES (%s, %s, %s, 'webhook.test', '{}') RETURNING 1",
        *(uuid7(), webhook_id),
    )
