-- The history of profiles: custom events, purchases, sessions and engagement with messages.
--
-- A row keeps the id of the profile under which it was recorded, its origin, for ever: a merge does not change history.
-- History has no foreign key to profile, because the origin's profile row is deleted by a merge and its history is not.

-- For the origin of each profile that was merged away: the live profile that the history belongs to now. The history
-- that was recorded under a live profile itself has no row here.
CREATE TABLE origin (
    workspace_id integer NOT NULL,
    origin_id bigint NOT NULL,
    profile_id bigint NOT NULL,
    PRIMARY KEY (workspace_id, origin_id),
    FOREIGN KEY (workspace_id, profile_id) REFERENCES profile (workspace_id, id),
    CHECK (origin_id <> profile_id)
);
CREATE INDEX origin_of_profile ON origin (workspace_id, profile_id);
-- Assume few origins for each profile. In a workspace where thousands were merged into one profile, ANALYZE finds the
-- opposite, and the foreign key would read the whole table for each deleted profile.
ALTER TABLE origin ALTER COLUMN profile_id SET (n_distinct = -0.5);

ALTER TABLE origin ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON origin USING (workspace_id = current_workspace());


-- Custom events.
CREATE TABLE custom_event (
    workspace_id integer NOT NULL,
    origin_id bigint NOT NULL,
    name text COLLATE "C" NOT NULL,
    occurred_at timestamptz NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    app_id text,
    properties jsonb,
    PRIMARY KEY (workspace_id, origin_id, name, occurred_at, id)
);
-- History arrives roughly in the order of time, so the last days are a range of blocks: BRIN costs almost nothing.
CREATE INDEX custom_event_occurred ON custom_event USING brin (occurred_at) WITH (autosummarize = on);

ALTER TABLE custom_event ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON custom_event USING (workspace_id = current_workspace());


-- Purchases and refunds.
CREATE TABLE purchase (
    workspace_id integer NOT NULL,
    origin_id bigint NOT NULL,
    product_id text COLLATE "C" NOT NULL,
    occurred_at timestamptz NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    currency text NOT NULL,
    price_cents bigint NOT NULL,  -- revenue in hundredths of a unit, after conversion; negative for a refund
    app_id text,
    properties jsonb,
    PRIMARY KEY (workspace_id, origin_id, product_id, occurred_at, id)
);
CREATE INDEX purchase_occurred ON purchase USING brin (occurred_at) WITH (autosummarize = on);

ALTER TABLE purchase ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON purchase USING (workspace_id = current_workspace());


-- Sessions in an app.
CREATE TABLE session (
    workspace_id integer NOT NULL,
    origin_id bigint NOT NULL,
    app_id text COLLATE "C" NOT NULL,
    started_at timestamptz NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    ended_at timestamptz CHECK (ended_at >= started_at),
    PRIMARY KEY (workspace_id, origin_id, app_id, started_at, id)
);

ALTER TABLE session ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON session USING (workspace_id = current_workspace());


-- Messages received, opened or clicked.
CREATE TABLE engagement (
    workspace_id integer NOT NULL,
    origin_id bigint NOT NULL,
    kind text NOT NULL CHECK (kind IN ('campaign', 'canvas')),
    message_id text COLLATE "C" NOT NULL,  -- id of the campaign or canvas
    occurred_at timestamptz NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    event text NOT NULL,
    name text,  -- of the campaign or canvas
    properties jsonb,
    PRIMARY KEY (workspace_id, origin_id, kind, message_id, occurred_at, id)
);

ALTER TABLE engagement ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON engagement USING (workspace_id = current_workspace());
