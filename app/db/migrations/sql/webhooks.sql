-- Webhooks: addresses that are notified when batches finish, the batches to watch for them, and the deliveries to send.

-- An address that receives events of a workspace.
CREATE TABLE webhook (
    workspace_id integer NOT NULL REFERENCES workspace,
    id uuid NOT NULL,  -- UUID version 7: newer ids sort later
    created_at timestamptz NOT NULL DEFAULT now(),
    url text NOT NULL,
    types text[] NOT NULL,  -- the types of events to send
    description text NOT NULL,
    enabled boolean NOT NULL,
    disabled_reason text,  -- set if Mergelane disabled it, null if the workspace did
    salt bytea NOT NULL,  -- the secret is derived from this and the pepper of the installation
    pepper text NOT NULL,  -- fingerprint of that pepper; '' if there is none
    former_salt bytea,  -- the secret before the last rotation, which also signs until former_until
    former_pepper text,
    former_until timestamptz,
    PRIMARY KEY (workspace_id, id),
    CONSTRAINT enabled_without_reason CHECK (NOT enabled OR disabled_reason IS NULL),
    CONSTRAINT former_secret_whole
        CHECK ((former_salt IS NULL) = (former_until IS NULL) AND (former_pepper IS NULL) = (former_until IS NULL))
);

ALTER TABLE webhook ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON webhook USING (workspace_id = current_workspace());


-- Batches that have not finished and that a webhook is waiting for. Inserted with the batch, deleted when it finishes.
CREATE TABLE webhook_watch (
    workspace_id integer NOT NULL,
    batch_id uuid NOT NULL,
    kind text NOT NULL,  -- of its jobs
    since timestamptz NOT NULL DEFAULT now(),
    check_at timestamptz NOT NULL DEFAULT now(),  -- time of the next check, at most 30 seconds ahead
    PRIMARY KEY (workspace_id, batch_id),
    FOREIGN KEY (workspace_id, batch_id) REFERENCES batch (workspace_id, id) ON DELETE CASCADE
);
CREATE INDEX webhook_watch_due ON webhook_watch (workspace_id, check_at);

ALTER TABLE webhook_watch ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON webhook_watch USING (workspace_id = current_workspace());


-- One event for one webhook. It waits until it is sent, or dead after its last attempt failed.
CREATE TABLE webhook_delivery (
    workspace_id integer NOT NULL,
    id uuid NOT NULL,  -- UUID version 7; the same in every attempt
    webhook_id uuid NOT NULL,
    type text NOT NULL,
    batch_id uuid,  -- the batch of the event
    body text NOT NULL,  -- the exact text, because it is signed
    created_at timestamptz NOT NULL DEFAULT now(),
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'dead')),
    attempts smallint NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    -- Next attempt; during an attempt, the end of the lease. The present time less a century if due at once: see job.
    due_at timestamptz NOT NULL DEFAULT now() - interval '100 years',
    lease_id uuid,  -- the attempt that has the lease
    attempted_at timestamptz,  -- start of the last attempt
    last_status smallint,  -- HTTP status of the last attempt
    last_error text,
    ended_at timestamptz,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, webhook_id) REFERENCES webhook (workspace_id, id) ON DELETE CASCADE,
    CONSTRAINT ended_exactly_when_not_waiting CHECK ((ended_at IS NOT NULL) = (state <> 'waiting')),
    CONSTRAINT leased_while_waiting CHECK (lease_id IS NULL OR state = 'waiting'),
    CONSTRAINT error_when_dead CHECK (last_error IS NOT NULL OR state <> 'dead')
);
CREATE INDEX webhook_delivery_due ON webhook_delivery (workspace_id, webhook_id, due_at) WHERE state = 'waiting';
CREATE INDEX webhook_delivery_of_webhook ON webhook_delivery (workspace_id, webhook_id, id);
-- Finds old deliveries to delete.
CREATE INDEX webhook_delivery_age ON webhook_delivery (workspace_id, created_at);

ALTER TABLE webhook_delivery ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON webhook_delivery USING (workspace_id = current_workspace());

-- Wakes a sleeping sender. A watch changes its start when its batch is unfinished again. The trigger is for rows, since
-- every accepted batch runs the statement, and only those of workspaces with a webhook are watched.
CREATE TRIGGER wake_sender AFTER INSERT OR UPDATE OF since ON webhook_watch FOR EACH ROW
    WHEN (NOT pg_try_advisory_xact_lock_shared(1835823980, 'webhook_watch'::regclass::oid::integer))
    EXECUTE FUNCTION notify_sleeper('mergelane_webhook_watch');
CREATE TRIGGER wake_sender AFTER INSERT OR UPDATE OF due_at ON webhook_delivery FOR EACH STATEMENT
    WHEN (NOT pg_try_advisory_xact_lock_shared(1835823980, 'webhook_delivery'::regclass::oid::integer))
    EXECUTE FUNCTION notify_sleeper('mergelane_webhook_delivery');
-- The deliveries of a webhook that is enabled again are due.
CREATE TRIGGER wake_sender AFTER UPDATE OF enabled ON webhook FOR EACH STATEMENT
    WHEN (NOT pg_try_advisory_xact_lock_shared(1835823980, 'webhook_delivery'::regclass::oid::integer))
    EXECUTE FUNCTION notify_sleeper('mergelane_webhook_delivery');

-- Returns the times of the next check of a watched batch and of the next attempt of a delivery; null without one.
CREATE OR REPLACE FUNCTION next_webhook_work_at() RETURNS TABLE (watch_at timestamptz, delivery_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT
        (
            SELECT min(watch.check_at)
            FROM open_workspace AS w
            CROSS JOIN LATERAL (
                SELECT webhook_watch.check_at
                FROM webhook_watch
                WHERE webhook_watch.workspace_id = w.workspace_id
                ORDER BY webhook_watch.check_at
                LIMIT 1
            ) AS watch
        ),
        (
            SELECT min(delivery.due_at)
            FROM webhook
            JOIN open_workspace AS w ON w.workspace_id = webhook.workspace_id
            CROSS JOIN LATERAL (
                SELECT webhook_delivery.due_at
                FROM webhook_delivery
                WHERE webhook_delivery.workspace_id = webhook.workspace_id
                    AND webhook_delivery.webhook_id = webhook.id AND webhook_delivery.state = 'waiting'
                ORDER BY webhook_delivery.due_at
                LIMIT 1
            ) AS delivery
            WHERE webhook.enabled
        );
END;

-- Returns the workspaces that have a batch to check or a delivery to send. A few index lookups for each workspace.
CREATE OR REPLACE FUNCTION workspaces_with_due_deliveries() RETURNS TABLE (
    workspace_id integer, watches boolean, deliveries boolean
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT found.workspace_id, found.watches, found.deliveries
    FROM (
        SELECT
            w.workspace_id,
            EXISTS (
                SELECT 1
                FROM webhook_watch AS watch
                WHERE watch.workspace_id = w.workspace_id AND watch.check_at <= now()
            ) OR EXISTS (
                -- Scheduled before the clock of this server was set back.
                SELECT 1
                FROM webhook_watch AS watch
                WHERE watch.workspace_id = w.workspace_id AND watch.check_at > now() + interval '31 seconds'
            ) AS watches,
            EXISTS (
                SELECT 1
                FROM webhook
                JOIN webhook_delivery AS delivery
                    ON delivery.workspace_id = webhook.workspace_id AND delivery.webhook_id = webhook.id
                WHERE webhook.workspace_id = w.workspace_id AND webhook.enabled
                    AND delivery.state = 'waiting' AND delivery.due_at <= now()
            ) AS deliveries
        FROM open_workspace AS w
    ) AS found
    WHERE found.watches OR found.deliveries
    ORDER BY found.workspace_id;
END;

REVOKE ALL ON FUNCTION next_webhook_work_at(), workspaces_with_due_deliveries() FROM PUBLIC;
