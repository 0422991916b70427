-- Workspaces are told when their batches finish: webhooks, the batches that are watched for them, and their notices.

CREATE TABLE webhook (
    workspace_id integer NOT NULL REFERENCES workspace,
    id uuid NOT NULL,  -- version 7: newer ids sort later
    created_at timestamptz NOT NULL DEFAULT now(),
    url text NOT NULL,
    types text[] NOT NULL,  -- the events that it is told of
    description text NOT NULL,
    enabled boolean NOT NULL,
    disabled_reason text,  -- why it was disabled, when nobody of the workspace did it
    salt bytea NOT NULL,  -- its secret is made of this and the installation's pepper
    pepper text NOT NULL,  -- the fingerprint of that pepper, '' for none
    former_salt bytea,  -- the secret before it, which signs beside it for a while
    former_pepper text,
    former_until timestamptz,
    PRIMARY KEY (workspace_id, id),
    CONSTRAINT enabled_without_reason CHECK (NOT enabled OR disabled_reason IS NULL),
    CONSTRAINT former_secret_whole
        CHECK ((former_salt IS NULL) = (former_until IS NULL) AND (former_pepper IS NULL) = (former_until IS NULL))
);

-- Batches whose end a webhook wants to be told of: written with the batch, deleted with its end.
CREATE TABLE webhook_watch (
    workspace_id integer NOT NULL,
    batch_id uuid NOT NULL,
    kind text NOT NULL,  -- what its jobs are
    since timestamptz NOT NULL DEFAULT now(),
    look_at timestamptz NOT NULL DEFAULT now(),  -- not looked at before
    PRIMARY KEY (workspace_id, batch_id),
    FOREIGN KEY (workspace_id, batch_id) REFERENCES batch (workspace_id, id) ON DELETE CASCADE
);
CREATE INDEX webhook_watch_due ON webhook_watch (workspace_id, look_at);

-- What one webhook is to be told: one event, until it is sent or given up.
CREATE TABLE webhook_notice (
    workspace_id integer NOT NULL,
    id uuid NOT NULL,  -- version 7; the same however often it is sent
    webhook_id uuid NOT NULL,
    type text NOT NULL,
    batch_id uuid,  -- what it is about
    body text NOT NULL,  -- to the letter, since it is signed
    created_at timestamptz NOT NULL DEFAULT now(),
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'dead')),
    attempts smallint NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    due_at timestamptz NOT NULL DEFAULT now(),  -- not sent before; while a sender has it, when that one is given up
    holder uuid,  -- the attempt that has it in hand
    attempted_at timestamptz,  -- the last time
    last_status smallint,
    last_error text,
    ended_at timestamptz,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, webhook_id) REFERENCES webhook (workspace_id, id) ON DELETE CASCADE,
    CONSTRAINT ended_exactly_when_not_waiting CHECK ((ended_at IS NOT NULL) = (state <> 'waiting')),
    CONSTRAINT held_while_waiting CHECK (holder IS NULL OR state = 'waiting'),
    CONSTRAINT error_when_dead CHECK (last_error IS NOT NULL OR state <> 'dead')
);
CREATE INDEX webhook_notice_due ON webhook_notice (workspace_id, webhook_id, due_at) WHERE state = 'waiting';
CREATE INDEX webhook_notice_of_webhook ON webhook_notice (workspace_id, webhook_id, id);

-- Harmless: the tables are new.
ALTER TABLE webhook ENABLE ROW LEVEL SECURITY;
-- Harmless: likewise.
ALTER TABLE webhook_watch ENABLE ROW LEVEL SECURITY;
-- Harmless: likewise.
ALTER TABLE webhook_notice ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON webhook USING (workspace_id = current_workspace());
CREATE POLICY own_workspace ON webhook_watch USING (workspace_id = current_workspace());
CREATE POLICY own_workspace ON webhook_notice USING (workspace_id = current_workspace());

-- The workspaces that have a batch to look at, or a notice due: a few index probes each.
CREATE FUNCTION workspaces_with_notices() RETURNS TABLE (workspace_id integer, watches boolean, notices boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT found.workspace_id, found.watches, found.notices
    FROM (
        SELECT
            w.workspace_id,
            EXISTS (
                SELECT 1
                FROM webhook_watch AS watch
                WHERE watch.workspace_id = w.workspace_id AND watch.look_at <= now()
            ) AS watches,
            EXISTS (
                SELECT 1
                FROM webhook
                JOIN webhook_notice AS notice
                    ON notice.workspace_id = webhook.workspace_id AND notice.webhook_id = webhook.id
                WHERE webhook.workspace_id = w.workspace_id AND webhook.enabled
                    AND notice.state = 'waiting' AND notice.due_at <= now()
            ) AS notices
        FROM workspace AS w
    ) AS found
    WHERE found.watches OR found.notices
    ORDER BY found.workspace_id;
END;

REVOKE ALL ON FUNCTION workspaces_with_notices() FROM PUBLIC;
