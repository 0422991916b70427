-- Workspaces with work announce themselves on their node. `mergelane migrate --distribute` runs these statements; a
-- database that is not distributed has none of these objects. See docs/adr/0062-work-by-node.md.

-- name: create_table
-- Creates the table of announcements. Each node has its own, with rows that no other node sees. It is unlogged: a node
-- that crashes loses its rows, and the relay finds the work when it asks each workspace again.
CREATE UNLOGGED TABLE IF NOT EXISTS public.work_announcement (
    workspace_id integer NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp()
)

-- name: create_index
-- Creates the index by which the trigger finds the last announcement.
CREATE INDEX IF NOT EXISTS work_announcement_at ON public.work_announcement (workspace_id, at)

-- name: create_policy
-- Protects the table like all others with a workspace_id. Only functions with the owner's rights use it.
DO $$
BEGIN
    ALTER TABLE public.work_announcement ENABLE ROW LEVEL SECURITY;
    IF NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = 'public.work_announcement'::regclass) THEN
        CREATE POLICY own_workspace ON public.work_announcement USING (workspace_id = public.current_workspace());
    END IF;
END
$$

-- name: create_trigger_function
-- Announces the workspace of the transaction, unless it did so in the last 5 seconds. Rows are only added: so no
-- transaction waits for another one. A node that has no table yet announces nothing.
CREATE OR REPLACE FUNCTION announce_work() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF public.current_workspace() IS NOT NULL AND to_regclass('public.work_announcement') IS NOT NULL THEN
        INSERT INTO public.work_announcement (workspace_id)
        SELECT public.current_workspace()
        WHERE NOT EXISTS (
            SELECT FROM public.work_announcement AS said
            WHERE said.workspace_id = public.current_workspace() AND said.at > clock_timestamp() - interval '5 seconds'
        );
    END IF;
    RETURN NULL;
END;
$$

-- name: create_list_function
-- Returns the workspaces that announced work on the node of *workspace_id* in the last *seconds*, and deletes older
-- rows now and then.
CREATE OR REPLACE FUNCTION list_announcements(workspace_id integer, seconds integer) RETURNS integer[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found integer[];
BEGIN
    IF to_regclass('public.work_announcement') IS NULL THEN
        RETURN '{}';
    END IF;
    IF random() < 0.01 THEN
        DELETE FROM public.work_announcement AS old WHERE old.at < clock_timestamp() - interval '1 hour';
    END IF;
    SELECT coalesce(array_agg(DISTINCT recent.workspace_id), '{}') INTO found
    FROM public.work_announcement AS recent
    WHERE recent.at > clock_timestamp() - make_interval(secs => list_announcements.seconds);
    RETURN found;
END;
$$

-- name: create_work_function
-- Returns what a workspace may have to do, now or later: see WorkKind in app/db/citus/work.py. It runs on the
-- node of the workspace.
CREATE OR REPLACE FUNCTION list_work(workspace_id integer) RETURNS text[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    asked CONSTANT integer := list_work.workspace_id;
    found text[] := '{}';
BEGIN
    IF EXISTS (SELECT FROM public.job WHERE job.workspace_id = asked AND job.state IN ('queued', 'running')) THEN
        found := found || ARRAY['jobs', 'minutes'];
    ELSIF EXISTS (
        SELECT FROM public.job
        WHERE job.workspace_id = asked
            AND job.finished_at >= coalesce((
                SELECT max(minute.begins_at) + interval '1 minute'
                FROM public.job_minute AS minute
                WHERE minute.workspace_id = asked
            ), now() - interval '7 days')
    ) THEN
        found := found || ARRAY['minutes'];
    END IF;
    IF EXISTS (SELECT FROM public.queue_cancellation AS waiting WHERE waiting.workspace_id = asked) THEN
        found := found || ARRAY['cancellations'];
    END IF;
    IF EXISTS (
        SELECT FROM public.batch
        WHERE batch.workspace_id = asked AND batch.run_id IS NOT NULL AND batch.run_state IS DISTINCT FROM 'settled'
    ) OR EXISTS (
        SELECT FROM public.run WHERE run.workspace_id = asked AND run.state = 'running'
    ) OR EXISTS (
        SELECT FROM public.run_pause AS pause WHERE pause.workspace_id = asked AND pause.resumed_at IS NOT NULL
    ) THEN
        found := found || ARRAY['runs'];
    END IF;
    IF EXISTS (SELECT FROM public.webhook_watch AS watch WHERE watch.workspace_id = asked) THEN
        found := found || ARRAY['watches'];
    END IF;
    IF EXISTS (
        SELECT FROM public.webhook_delivery AS delivery
        JOIN public.webhook ON webhook.workspace_id = asked AND webhook.id = delivery.webhook_id
        WHERE delivery.workspace_id = asked AND delivery.state = 'waiting' AND webhook.enabled
            AND delivery.due_at <= now()
    ) THEN
        found := found || ARRAY['deliveries'];
    END IF;
    IF EXISTS (
        SELECT FROM public.duplicate_run AS running WHERE running.workspace_id = asked AND running.state = 'running'
    ) OR EXISTS (
        SELECT FROM public.duplicate_policy AS policy
        WHERE policy.workspace_id = asked AND policy.next_daily_at <= now()
    ) THEN
        found := found || ARRAY['duplicates'];
    END IF;
    IF EXISTS (
        SELECT FROM public.key_recomputation AS open WHERE open.workspace_id = asked AND open.finished_at IS NULL
    ) THEN
        found := found || ARRAY['recomputation'];
    END IF;
    IF EXISTS (SELECT FROM public.erasure WHERE erasure.workspace_id = asked) THEN
        found := found || ARRAY['erasures'];
    END IF;
    IF NOT EXISTS (
        SELECT FROM public.identity_feed AS feed
        WHERE feed.workspace_id = asked AND feed.checked_at <= clock_timestamp()
    ) OR EXISTS (
        SELECT FROM public.identity_feed AS feed
        JOIN public.job ON job.workspace_id = asked AND job.finished_at >= feed.horizon
        WHERE feed.workspace_id = asked
    ) OR EXISTS (
        SELECT FROM public.identity_feed AS feed
        JOIN public.audit_entry AS entry ON entry.workspace_id = asked AND entry.at >= feed.horizon
        WHERE feed.workspace_id = asked
    ) THEN
        found := found || ARRAY['identities'];
    END IF;
    RETURN found;
END;
$$

-- name: create_lane_function
-- Returns whether a workspace has a limit of merges per minute, and whether its first lane that is due is urgent; null
-- without a lane to publish now. See publishable_workspaces_from. It runs on the node of the workspace.
CREATE OR REPLACE FUNCTION find_due_lane(workspace_id integer) RETURNS boolean[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    asked CONSTANT integer := find_due_lane.workspace_id;
    control record;
    first timestamptz;
BEGIN
    SELECT own.paused_at, own.merges_per_minute_limit, own.paced_at INTO control
    FROM public.queue_control AS own
    WHERE own.workspace_id = asked;
    IF control.paused_at IS NOT NULL
        OR control.paced_at + interval '1 minute' / control.merges_per_minute_limit > now() THEN
        RETURN NULL;
    END IF;
    SELECT job.due_at INTO first
    FROM public.job
    WHERE job.workspace_id = asked AND job.state = 'queued' AND job.published_at IS NULL AND job.lane = job.index
        AND job.due_at <= now()
    ORDER BY job.due_at, job.id
    LIMIT 1;
    IF first IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN ARRAY[
        control.merges_per_minute_limit IS NOT NULL, first < now() - interval '100 years' - interval '913 days'
    ];
END;
$$

-- name: create_count_function
-- Returns for metrics the queued, running and dead jobs of a workspace, each counted up to *bound*, the age of its oldest
-- queued job in seconds, whether its queue is paused, and its plans by state.
CREATE OR REPLACE FUNCTION count_work(workspace_id integer, bound integer) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    asked CONSTANT integer := count_work.workspace_id;
    counted jsonb := '{}';
    state_name text;
    jobs bigint;
    oldest timestamptz;
BEGIN
    FOREACH state_name IN ARRAY ARRAY['queued', 'running', 'dead'] LOOP
        SELECT count(*) INTO jobs
        FROM (
            SELECT FROM public.job WHERE job.workspace_id = asked AND job.state = state_name LIMIT count_work.bound
        ) AS found;
        counted := counted || jsonb_build_object(state_name, jobs);
    END LOOP;
    SELECT job.created_at INTO oldest
    FROM public.job
    WHERE job.workspace_id = asked AND job.state = 'queued'
    ORDER BY job.outcome, job.id
    LIMIT 1;
    RETURN counted || jsonb_build_object(
        'oldest_s', greatest(extract(EPOCH FROM clock_timestamp() - oldest), 0),
        'paused', EXISTS (
            SELECT FROM public.queue_control AS control
            WHERE control.workspace_id = asked AND control.paused_at IS NOT NULL
        ),
        'open', (
            SELECT count(*) FROM public.plan
            WHERE plan.workspace_id = asked AND plan.state = 'open' AND plan.expires_at > now()
        ),
        'applied', (
            SELECT count(*) FROM public.plan WHERE plan.workspace_id = asked AND plan.state = 'applied'
        )
    );
END;
$$

-- name: grant_functions
-- The functions that run with the rights of the owner are for the processes' role only.
REVOKE ALL ON FUNCTION
    announce_work(), list_announcements(integer, integer), list_work(integer), find_due_lane(integer),
    count_work(integer, integer)
FROM PUBLIC

-- name: grant_role
-- Lets the processes' role call the functions.
GRANT EXECUTE ON FUNCTION
    list_announcements(integer, integer), list_work(integer), find_due_lane(integer), count_work(integer, integer)
TO mergelane_app
