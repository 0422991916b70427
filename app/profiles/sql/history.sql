-- History, recorded under its origins. The ids come from a sequence: with RETURNING, Citus sends the rows to the server of
-- the workspace and inserts them there, instead of using COPY, which row-level security refuses.

-- name: record_events
-- Records custom events under their origins.
INSERT INTO custom_event AS added (workspace_id, origin_id, name, occurred_at, app_id, properties)
SELECT %(workspace_id)s, origin_id, name, occurred_at, app_id, properties
FROM jsonb_to_recordset(%(rows)s) AS given (
    origin_id bigint, name text, occurred_at timestamptz, app_id text, properties jsonb
)
RETURNING id

-- name: record_purchases
-- Records purchases under their origins. A quantity of n is n rows; the first of them have one cent more, as many as
-- makes their sum the revenue of the purchase.
INSERT INTO purchase AS added (workspace_id, origin_id, product_id, occurred_at, currency, price_cents, app_id, properties)
SELECT
    %(workspace_id)s, origin_id, product_id, occurred_at, currency,
    price_cents + (unit.number <= one_cent_more)::integer, app_id, properties
FROM jsonb_to_recordset(%(rows)s) AS given (
    origin_id bigint, product_id text, occurred_at timestamptz, currency text, price_cents bigint,
    one_cent_more integer, quantity integer, app_id text, properties jsonb
)
CROSS JOIN LATERAL generate_series(1, given.quantity) AS unit (number)
RETURNING id

-- name: record_sessions
-- Records sessions under their origins.
INSERT INTO session AS added (workspace_id, origin_id, app_id, started_at, ended_at)
SELECT %(workspace_id)s, origin_id, app_id, started_at, ended_at
FROM jsonb_to_recordset(%(rows)s) AS given (
    origin_id bigint, app_id text, started_at timestamptz, ended_at timestamptz
)
RETURNING id

-- name: record_engagements
-- Records engagements with campaigns and canvases under their origins.
INSERT INTO engagement AS added (workspace_id, origin_id, kind, message_id, occurred_at, event, name, properties)
SELECT %(workspace_id)s, origin_id, kind, message_id, occurred_at, event, name, properties
FROM jsonb_to_recordset(%(rows)s) AS given (
    origin_id bigint, kind text, message_id text, occurred_at timestamptz, event text, name text, properties jsonb
)
RETURNING id
