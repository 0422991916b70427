-- Row-level security: a transaction of the processes sees the workspace that it was told, and without one nothing.
-- It holds for the role under which they work (access.sql). The tables' owner, who migrates and administers, is not
-- subject to it, and neither are processes of an older version, which work as the owner.

-- The workspace that this transaction was told. After a transaction that was told one the setting is empty, not null.
CREATE FUNCTION current_workspace() RETURNS integer
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('mergelane.workspace_id', true), '')::integer;

ALTER TABLE workspace ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE profile ENABLE ROW LEVEL SECURITY;
ALTER TABLE user_alias ENABLE ROW LEVEL SECURITY;
ALTER TABLE origin ENABLE ROW LEVEL SECURITY;
ALTER TABLE redirect ENABLE ROW LEVEL SECURITY;
ALTER TABLE deprecated_external_id ENABLE ROW LEVEL SECURITY;
ALTER TABLE custom_event ENABLE ROW LEVEL SECURITY;
ALTER TABLE purchase ENABLE ROW LEVEL SECURITY;
ALTER TABLE session ENABLE ROW LEVEL SECURITY;
ALTER TABLE engagement ENABLE ROW LEVEL SECURITY;
ALTER TABLE batch ENABLE ROW LEVEL SECURITY;
ALTER TABLE job ENABLE ROW LEVEL SECURITY;
ALTER TABLE merge_record ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotency ENABLE ROW LEVEL SECURITY;

-- One policy for reading and for writing. It equals the condition that every query has already, so that PostgreSQL
-- makes one of the two: it asks once for each statement whether they agree, and looks up by index as before.
CREATE POLICY own_workspace ON workspace USING (workspace_id = current_workspace());
CREATE POLICY own_workspace ON api_key USING (workspace_id = current_workspace());
CREATE POLICY own_workspace ON profile USING (workspace_id = current_workspace());
CREATE POLICY own_workspace ON user_alias USING (workspace_id = current_workspace());
CREATE POLICY own_workspace ON origin USING (workspace_id = current_workspace());
CREATE POLICY own_workspace ON redirect USING (workspace_id = current_workspace());
CREATE POLICY own_workspace ON deprecated_external_id USING (workspace_id = current_workspace());
CREATE POLICY own_workspace ON custom_event USING (workspace_id = current_workspace());
CREATE POLICY own_workspace ON purchase USING (workspace_id = current_workspace());
CREATE POLICY own_workspace ON session USING (workspace_id = current_workspace());
CREATE POLICY own_workspace ON engagement USING (workspace_id = current_workspace());
CREATE POLICY own_workspace ON batch USING (workspace_id = current_workspace());
CREATE POLICY own_workspace ON job USING (workspace_id = current_workspace());
CREATE POLICY own_workspace ON merge_record USING (workspace_id = current_workspace());
CREATE POLICY own_workspace ON idempotency USING (workspace_id = current_workspace());

-- Under a policy PostgreSQL lets nothing into an index but operators that are known to give no row away, and those of
-- arrays and of jsonb are not. A view reads as its owner, for whom there is no policy, and has the same condition of its
-- own: what it shows is as much, and its indexes serve. Only queries that need one of the GIN indexes read a view.

-- Jobs by the plain values that they speak of (job_by_search_key).
CREATE VIEW own_job AS
SELECT
    workspace_id, id, state, outcome, search_keys, orphan_identifier, survivor_identifier, orphan_braze_id,
    survivor_braze_id
FROM job
WHERE workspace_id = current_workspace();

-- Profiles by what segments ask of them (profile_custom_attributes).
CREATE VIEW own_profile AS
SELECT
    workspace_id, id, external_id, created_at, random_bucket, first_name, last_name, gender, dob, home_city, country,
    language, time_zone, test_user, email, email_key, email_subscription, phone, phone_key, push_subscription,
    session_count, first_session_at, last_session_at, custom_attributes, purchase_count, revenue_cents,
    first_purchase_at, last_purchase_at
FROM profile
WHERE workspace_id = current_workspace();

-- What must be known before a workspace is, or of all of them, is told by functions that run as their owner, and they
-- tell no more. Their bodies were bound to these very tables when they were made, whatever the search path is.

-- Whose secret has one of these digests.
CREATE FUNCTION holders_of(digests bytea[])
RETURNS TABLE (workspace_id integer, key_id uuid, digest bytea, permissions text[], rate_limits jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT k.workspace_id, k.id, k.digest, k.permissions, w.rate_limits
    FROM api_key AS k
    JOIN workspace AS w ON w.workspace_id = k.workspace_id
    WHERE k.digest = ANY(holders_of.digests)
        AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now());
END;

-- The workspaces that have a lane due to be published: one index probe each.
CREATE FUNCTION workspaces_with_pending_jobs() RETURNS TABLE (workspace_id integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT w.workspace_id
    FROM workspace AS w
    WHERE EXISTS (
        SELECT 1
        FROM job
        WHERE job.workspace_id = w.workspace_id
            AND job.state = 'queued' AND job.published_at IS NULL AND job.lane = job.index AND job.due_at <= now()
    )
    ORDER BY w.workspace_id;
END;

-- The workspaces that have published, unfinished jobs: one index probe each.
CREATE FUNCTION workspaces_under_way() RETURNS TABLE (workspace_id integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT w.workspace_id
    FROM workspace AS w
    WHERE EXISTS (
        SELECT 1
        FROM job
        WHERE job.workspace_id = w.workspace_id
            AND job.state IN ('queued', 'running') AND job.published_at IS NOT NULL
    )
    ORDER BY w.workspace_id;
END;

-- Every workspace.
CREATE FUNCTION all_workspaces() RETURNS TABLE (workspace_id integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT w.workspace_id FROM workspace AS w ORDER BY w.workspace_id;
END;

REVOKE ALL ON FUNCTION
    holders_of(bytea[]), workspaces_with_pending_jobs(), workspaces_under_way(), all_workspaces()
FROM PUBLIC;
