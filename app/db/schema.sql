-- Written by `make schema`. The schema with its comments is in migrations/sql/.

CREATE FUNCTION public.add_workspace_home() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
BEGIN
    IF TG_TABLE_NAME = 'workspace' THEN
        EXECUTE format(
            'INSERT INTO %I.workspace_home (workspace_id) VALUES ($1) ON CONFLICT DO NOTHING', TG_TABLE_SCHEMA
        )
        USING NEW.workspace_id;
    END IF;
    RETURN NULL;
END;
$_$;

CREATE TABLE public.workspace (
    workspace_id integer NOT NULL,
    name text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    rate_limits jsonb DEFAULT '{}'::jsonb NOT NULL,
    route_label text DEFAULT "left"(replace((gen_random_uuid())::text, '-'::text, ''::text), 10) NOT NULL,
    availability text DEFAULT 'open'::text NOT NULL,
    CONSTRAINT availability_is_known CHECK ((availability = ANY (ARRAY['open'::text, 'moving'::text, 'moved'::text, 'arriving'::text]))),
    CONSTRAINT route_label_fits_a_map CHECK ((route_label ~ '^[a-z0-9]{1,20}$'::text)),
    CONSTRAINT workspace_name_check CHECK ((name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'::text)),
    CONSTRAINT workspace_rate_limits_check CHECK ((jsonb_typeof(rate_limits) = 'object'::text))
);

CREATE VIEW public.open_workspace WITH (security_invoker='true') AS
 SELECT workspace_id
   FROM public.workspace
  WHERE (availability = 'open'::text);

CREATE FUNCTION public.all_workspaces() RETURNS TABLE(workspace_id integer)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT w.workspace_id
    FROM public.open_workspace w
   ORDER BY w.workspace_id;
END;

CREATE FUNCTION public.analyze_changed_tables(least_rows bigint) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    changed record;
    analyzed integer := 0;
BEGIN
    FOR changed IN
        SELECT stat.schemaname, stat.relname
        FROM pg_stat_user_tables AS stat
        JOIN pg_class AS class ON class.oid = stat.relid
        JOIN pg_proc AS this ON this.pronamespace = class.relnamespace AND this.proname = 'analyze_changed_tables'
        WHERE stat.n_mod_since_analyze > least_rows + greatest(class.reltuples, 0)
    LOOP
        EXECUTE format('ANALYZE (SKIP_LOCKED) %I.%I', changed.schemaname, changed.relname);
        analyzed := analyzed + 1;
    END LOOP;
    RETURN analyzed;
END;
$$;

CREATE FUNCTION public.begin_sleep(queue regclass) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    IF pg_try_advisory_lock(1835823980, queue::oid::integer) THEN
        RETURN 'holder';
    END IF;
    IF pg_try_advisory_lock_shared(1835823980, queue::oid::integer) THEN
        PERFORM pg_advisory_unlock_shared(1835823980, queue::oid::integer);
        RETURN 'awake';
    END IF;
    RETURN 'follower';
END;
$$;

CREATE TABLE public.job (
    workspace_id integer NOT NULL,
    id uuid NOT NULL,
    batch_id uuid NOT NULL,
    index smallint NOT NULL,
    kind text NOT NULL,
    lane smallint NOT NULL,
    orphan_identifier jsonb NOT NULL,
    survivor_identifier jsonb NOT NULL,
    search_keys text[] NOT NULL,
    state text DEFAULT 'queued'::text NOT NULL,
    outcome text,
    reason text,
    attempts smallint DEFAULT 0 NOT NULL,
    task_id uuid,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    due_at timestamp with time zone DEFAULT (now() - '100 years'::interval) NOT NULL,
    published_at timestamp with time zone,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    orphan_id bigint,
    orphan_braze_id text,
    orphan_external_id text,
    survivor_id bigint,
    survivor_braze_id text,
    survivor_external_id text,
    stalled_attempts smallint DEFAULT 0 NOT NULL,
    undoes uuid,
    not_restored jsonb,
    undone_at timestamp with time zone,
    undone_by uuid,
    priority smallint DEFAULT 3 NOT NULL,
    CONSTRAINT finished_at_exactly_when_ended CHECK (((finished_at IS NOT NULL) = (state = ANY (ARRAY['finished'::text, 'dead'::text])))),
    CONSTRAINT job_attempts_check CHECK ((attempts >= 0)),
    CONSTRAINT job_check CHECK (((lane >= 0) AND (lane <= index))),
    CONSTRAINT job_index_check CHECK ((index >= 0)),
    CONSTRAINT job_kind_check CHECK ((kind = ANY (ARRAY['merge'::text, 'identify'::text, 'undo'::text]))),
    CONSTRAINT job_outcome_check CHECK ((outcome = ANY (ARRAY['refused_identifier'::text, 'orphan_ambiguous'::text, 'survivor_ambiguous'::text, 'orphan_not_found'::text, 'survivor_not_found'::text, 'already_merged'::text, 'same_profile'::text, 'orphan_identified'::text, 'alias_conflict'::text, 'protected'::text, 'invalid_phones'::text, 'survivor_limit'::text, 'merged'::text, 'identified'::text, 'undone'::text, 'undone_in_part'::text, 'not_undoable'::text, 'cancelled'::text, 'changed_since_plan'::text]))),
    CONSTRAINT job_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'running'::text, 'finished'::text, 'dead'::text]))),
    CONSTRAINT outcome_exactly_when_finished CHECK (((outcome IS NOT NULL) = (state = 'finished'::text))),
    CONSTRAINT priority_is_an_urgency CHECK (((priority >= 0) AND (priority <= 7))),
    CONSTRAINT reason_when_ended CHECK (((reason IS NOT NULL) OR (state <> ALL (ARRAY['finished'::text, 'dead'::text])))),
    CONSTRAINT survivor_is_another_profile CHECK (((outcome <> 'merged'::text) OR ((orphan_id IS NOT NULL) AND (survivor_id IS NOT NULL) AND (orphan_id <> survivor_id)))),
    CONSTRAINT undo_names_its_job CHECK (((kind = 'undo'::text) = (undoes IS NOT NULL))),
    CONSTRAINT undone_at_with_undone_by CHECK (((undone_at IS NULL) = (undone_by IS NULL)))
)
WITH (fillfactor='70');
ALTER TABLE ONLY public.job ALTER COLUMN orphan_identifier SET STATISTICS 0;
ALTER TABLE ONLY public.job ALTER COLUMN survivor_identifier SET STATISTICS 0;
ALTER TABLE ONLY public.job ALTER COLUMN reason SET STATISTICS 0;
ALTER TABLE ONLY public.job ALTER COLUMN orphan_braze_id SET STATISTICS 0;
ALTER TABLE ONLY public.job ALTER COLUMN orphan_external_id SET STATISTICS 0;
ALTER TABLE ONLY public.job ALTER COLUMN survivor_braze_id SET STATISTICS 0;
ALTER TABLE ONLY public.job ALTER COLUMN survivor_external_id SET STATISTICS 0;
ALTER TABLE ONLY public.job ALTER COLUMN not_restored SET STATISTICS 0;

CREATE FUNCTION public.count_jobs_by_workspace(most integer, bound integer) RETURNS TABLE(workspace_id integer, workspaces bigint, oldest_s double precision, queued bigint, running bigint, dead bigint)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT selected.workspace_id,
     selected.workspaces,
     (GREATEST(EXTRACT(epoch FROM (clock_timestamp() - selected.oldest)), (0)::numeric))::double precision AS "greatest",
     queued.jobs,
     running.jobs,
     dead.jobs
    FROM (((( SELECT w.workspace_id,
             waiting.created_at AS oldest,
             other.found,
             count(*) FILTER (WHERE ((waiting.created_at IS NOT NULL) OR other.found)) OVER () AS workspaces
            FROM ((public.open_workspace w
              LEFT JOIN LATERAL ( SELECT job.created_at
                    FROM public.job
                   WHERE ((job.workspace_id = w.workspace_id) AND (job.state = 'queued'::text))
                   ORDER BY job.outcome, job.id
                  LIMIT 1) waiting ON (true))
              LEFT JOIN LATERAL ( SELECT true AS found
                    FROM public.job
                   WHERE ((job.workspace_id = w.workspace_id) AND (job.state = ANY (ARRAY['running'::text, 'dead'::text])))
                  LIMIT 1) other ON (true))
           ORDER BY waiting.created_at, other.found, w.workspace_id
          LIMIT count_jobs_by_workspace.most) selected
      CROSS JOIN LATERAL ( SELECT count(*) AS jobs
            FROM ( SELECT
                    FROM public.job
                   WHERE ((job.workspace_id = selected.workspace_id) AND (job.state = 'queued'::text))
                  LIMIT count_jobs_by_workspace.bound) found) queued)
      CROSS JOIN LATERAL ( SELECT count(*) AS jobs
            FROM ( SELECT
                    FROM public.job
                   WHERE ((job.workspace_id = selected.workspace_id) AND (job.state = 'running'::text))
                  LIMIT count_jobs_by_workspace.bound) found) running)
      CROSS JOIN LATERAL ( SELECT count(*) AS jobs
            FROM ( SELECT
                    FROM public.job
                   WHERE ((job.workspace_id = selected.workspace_id) AND (job.state = 'dead'::text))
                  LIMIT count_jobs_by_workspace.bound) found) dead)
   ORDER BY selected.oldest, selected.found, selected.workspace_id;
END;

CREATE TABLE public.plan (
    workspace_id integer NOT NULL,
    id uuid NOT NULL,
    state text DEFAULT 'open'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    api_key_id uuid,
    updates integer DEFAULT 0 NOT NULL,
    counts jsonb DEFAULT '{}'::jsonb NOT NULL,
    fields jsonb DEFAULT '{}'::jsonb NOT NULL,
    largest jsonb DEFAULT '[]'::jsonb NOT NULL,
    applied_at timestamp with time zone,
    applied_by uuid,
    run_id uuid,
    priority smallint,
    chosen integer[],
    scan_id uuid,
    CONSTRAINT plan_state_check CHECK ((state = ANY (ARRAY['open'::text, 'applied'::text, 'discarded'::text]))),
    CONSTRAINT run_when_applied CHECK (((state = 'applied'::text) = (run_id IS NOT NULL)))
);

CREATE FUNCTION public.count_plans() RETURNS TABLE(state text, plans bigint)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT plan.state,
     count(*) AS count
    FROM public.plan
   WHERE ((plan.state = 'applied'::text) OR ((plan.state = 'open'::text) AND (plan.expires_at > now())))
   GROUP BY plan.state;
END;

CREATE FUNCTION public.current_workspace() RETURNS integer
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (NULLIF(current_setting('mergelane.workspace_id'::text, true), ''::text))::integer;

CREATE FUNCTION public.end_sleep(queue regclass) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    RETURN pg_advisory_unlock(1835823980, queue::oid::integer);
END;
$$;

CREATE TABLE public.audit_entry (
    workspace_id integer NOT NULL,
    id uuid NOT NULL,
    action text NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    api_key_id uuid,
    request_id text,
    path text NOT NULL,
    braze_id text COLLATE pg_catalog."C",
    external_id text COLLATE pg_catalog."C",
    new_external_id text COLLATE pg_catalog."C",
    source_braze_id text COLLATE pg_catalog."C",
    changes json,
    CONSTRAINT audit_entry_action_check CHECK ((action = ANY (ARRAY['delete'::text, 'rename'::text, 'remove'::text, 'consent'::text, 'exclude'::text, 'allow'::text, 'erasure'::text, 'pause'::text, 'resume'::text, 'limit'::text, 'cancel'::text, 'run'::text, 'plan'::text]))),
    CONSTRAINT deletion_without_external_ids CHECK (((action <> 'delete'::text) OR (num_nonnulls(external_id, new_external_id) = 0)))
);

CREATE FUNCTION public.erase_audit_names(workspace_id integer, braze_ids text[]) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT set_config('mergelane.audit_change'::text, 'erasure'::text, true) AS set_config;
 UPDATE public.audit_entry entry SET external_id = NULL::text, new_external_id = NULL::text, changes = NULL::json
   WHERE ((entry.workspace_id = erase_audit_names.workspace_id) AND (entry.workspace_id = public.current_workspace()) AND (entry.braze_id = ANY (erase_audit_names.braze_ids)) AND (entry.action <> ALL (ARRAY['delete'::text, 'erasure'::text])));
 UPDATE public.audit_entry entry SET changes = NULL::json
   WHERE ((entry.workspace_id = erase_audit_names.workspace_id) AND (entry.workspace_id = public.current_workspace()) AND (entry.action = ANY (ARRAY['exclude'::text, 'allow'::text])) AND (entry.source_braze_id = ANY (erase_audit_names.braze_ids)) AND (entry.braze_id IN ( SELECT own.source_braze_id
            FROM public.audit_entry own
           WHERE ((own.workspace_id = erase_audit_names.workspace_id) AND (own.braze_id = ANY (erase_audit_names.braze_ids)) AND (own.action = ANY (ARRAY['exclude'::text, 'allow'::text]))))));
END;

CREATE TABLE public.merge_record (
    workspace_id integer NOT NULL,
    job_id uuid NOT NULL,
    merged_at timestamp with time zone NOT NULL,
    orphan_id bigint NOT NULL,
    survivor_id bigint NOT NULL,
    orphan_before json NOT NULL,
    survivor_before json NOT NULL,
    origins bigint[] NOT NULL,
    changes json,
    deprecated_external_ids text[] DEFAULT '{}'::text[] NOT NULL,
    rules smallint,
    CONSTRAINT merge_record_check CHECK ((orphan_id <> survivor_id))
)
WITH (toast_tuple_target='4080');
ALTER TABLE ONLY public.merge_record ALTER COLUMN orphan_before SET STATISTICS 0;
ALTER TABLE ONLY public.merge_record ALTER COLUMN survivor_before SET STATISTICS 0;
ALTER TABLE ONLY public.merge_record ALTER COLUMN origins SET STATISTICS 0;
ALTER TABLE ONLY public.merge_record ALTER COLUMN changes SET STATISTICS 0;
ALTER TABLE ONLY public.merge_record ALTER COLUMN deprecated_external_ids SET STATISTICS 0;

CREATE TABLE public.undo_record (
    workspace_id integer NOT NULL,
    job_id uuid NOT NULL,
    undone_job_id uuid NOT NULL,
    merged_at timestamp with time zone NOT NULL,
    undone_at timestamp with time zone NOT NULL,
    orphan_id bigint NOT NULL,
    survivor_id bigint NOT NULL,
    changes jsonb NOT NULL
);
ALTER TABLE ONLY public.undo_record ALTER COLUMN changes SET STATISTICS 0;

CREATE FUNCTION public.erase_audit_records(workspace_id integer, job_ids uuid[]) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT set_config('mergelane.audit_change'::text, 'erasure'::text, true) AS set_config;
 UPDATE public.merge_record record SET orphan_before = '{}'::json, survivor_before = '{}'::json, changes = '[]'::json, deprecated_external_ids = '{}'::text[]
   WHERE ((record.workspace_id = erase_audit_records.workspace_id) AND (record.workspace_id = public.current_workspace()) AND (record.job_id = ANY (erase_audit_records.job_ids)));
 UPDATE public.undo_record record SET changes = '[]'::jsonb
   WHERE ((record.workspace_id = erase_audit_records.workspace_id) AND (record.workspace_id = public.current_workspace()) AND (record.job_id = ANY (erase_audit_records.job_ids)));
END;

CREATE FUNCTION public.refuse_closed_workspace(availability text) RETURNS jsonb
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'ML503',
        MESSAGE = CASE availability
            WHEN 'moved' THEN 'The workspace has moved to another cell.'
            ELSE 'The workspace is being moved to another cell.'
        END;
END;
$$;

CREATE TABLE public.api_key (
    workspace_id integer NOT NULL,
    id uuid NOT NULL,
    digest bytea NOT NULL,
    hint text NOT NULL,
    label text NOT NULL,
    permissions text[] NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    revoked_at timestamp with time zone,
    expires_at timestamp with time zone,
    pepper text DEFAULT ''::text NOT NULL,
    last_used_at timestamp with time zone,
    CONSTRAINT api_key_permissions_check CHECK ((cardinality(permissions) > 0))
);

CREATE FUNCTION public.find_valid_keys(digests bytea[]) RETURNS TABLE(workspace_id integer, key_id uuid, digest bytea, permissions text[], rate_limits jsonb)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT k.workspace_id,
     k.id,
     k.digest,
     k.permissions,
         CASE w.availability
             WHEN 'open'::text THEN w.rate_limits
             ELSE public.refuse_closed_workspace(w.availability)
         END AS refuse_closed_workspace
    FROM (public.api_key k
      JOIN public.workspace w ON ((w.workspace_id = k.workspace_id)))
   WHERE ((k.digest = ANY (find_valid_keys.digests)) AND (k.revoked_at IS NULL) AND ((k.expires_at IS NULL) OR (k.expires_at > now())));
END;

CREATE FUNCTION public.lock_open_run(workspace_id integer, run_id uuid) RETURNS uuid
    LANGUAGE plpgsql STRICT
    AS $$
DECLARE
    found uuid;
BEGIN
    SELECT run.id
    INTO STRICT found
    FROM run
    WHERE run.workspace_id = lock_open_run.workspace_id AND run.id = lock_open_run.run_id AND run.state = 'open'
        AND run.kind <> 'import'
    FOR SHARE;
    RETURN found;
END;
$$;

CREATE TABLE public.queue_control (
    workspace_id integer NOT NULL,
    paused_at timestamp with time zone,
    paused_by uuid,
    merges_per_minute_limit integer,
    paced_at timestamp with time zone,
    CONSTRAINT paused_by_when_paused CHECK (((paused_by IS NULL) OR (paused_at IS NOT NULL))),
    CONSTRAINT queue_control_merges_per_minute_limit_check CHECK ((merges_per_minute_limit > 0))
);

CREATE FUNCTION public.next_job_due_at() RETURNS timestamp with time zone
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT min(GREATEST(due.due_at, (control.paced_at + ('00:01:00'::interval / (control.merges_per_minute_limit)::double precision)))) AS min
    FROM ((public.open_workspace w
      LEFT JOIN public.queue_control control ON ((control.workspace_id = w.workspace_id)))
      CROSS JOIN LATERAL ( SELECT job.due_at
            FROM public.job
           WHERE ((job.workspace_id = w.workspace_id) AND (job.state = 'queued'::text) AND (job.published_at IS NULL) AND (job.lane = job.index) AND (job.due_at < '9000-01-01 00:00:00+00'::timestamp with time zone))
           ORDER BY job.due_at, job.id
          LIMIT 1) due)
   WHERE (control.paused_at IS NULL);
END;

CREATE TABLE public.webhook (
    workspace_id integer NOT NULL,
    id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    url text NOT NULL,
    types text[] NOT NULL,
    description text NOT NULL,
    enabled boolean NOT NULL,
    disabled_reason text,
    salt bytea NOT NULL,
    pepper text NOT NULL,
    former_salt bytea,
    former_pepper text,
    former_until timestamp with time zone,
    CONSTRAINT enabled_without_reason CHECK (((NOT enabled) OR (disabled_reason IS NULL))),
    CONSTRAINT former_secret_whole CHECK ((((former_salt IS NULL) = (former_until IS NULL)) AND ((former_pepper IS NULL) = (former_until IS NULL))))
);

CREATE TABLE public.webhook_delivery (
    workspace_id integer NOT NULL,
    id uuid NOT NULL,
    webhook_id uuid NOT NULL,
    type text NOT NULL,
    batch_id uuid,
    body text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    state text DEFAULT 'waiting'::text NOT NULL,
    attempts smallint DEFAULT 0 NOT NULL,
    due_at timestamp with time zone DEFAULT (now() - '100 years'::interval) NOT NULL,
    lease_id uuid,
    attempted_at timestamp with time zone,
    last_status smallint,
    last_error text,
    ended_at timestamp with time zone,
    CONSTRAINT ended_exactly_when_not_waiting CHECK (((ended_at IS NOT NULL) = (state <> 'waiting'::text))),
    CONSTRAINT error_when_dead CHECK (((last_error IS NOT NULL) OR (state <> 'dead'::text))),
    CONSTRAINT leased_while_waiting CHECK (((lease_id IS NULL) OR (state = 'waiting'::text))),
    CONSTRAINT webhook_delivery_attempts_check CHECK ((attempts >= 0)),
    CONSTRAINT webhook_delivery_state_check CHECK ((state = ANY (ARRAY['waiting'::text, 'sent'::text, 'dead'::text])))
);

CREATE TABLE public.webhook_watch (
    workspace_id integer NOT NULL,
    batch_id uuid NOT NULL,
    kind text NOT NULL,
    since timestamp with time zone DEFAULT now() NOT NULL,
    check_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE FUNCTION public.next_webhook_work_at() RETURNS TABLE(watch_at timestamp with time zone, delivery_at timestamp with time zone)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT ( SELECT min(watch.check_at) AS min
            FROM (public.open_workspace w
              CROSS JOIN LATERAL ( SELECT webhook_watch.check_at
                    FROM public.webhook_watch
                   WHERE (webhook_watch.workspace_id = w.workspace_id)
                   ORDER BY webhook_watch.check_at
                  LIMIT 1) watch)) AS min,
     ( SELECT min(delivery.due_at) AS min
            FROM ((public.webhook
              JOIN public.open_workspace w ON ((w.workspace_id = webhook.workspace_id)))
              CROSS JOIN LATERAL ( SELECT webhook_delivery.due_at
                    FROM public.webhook_delivery
                   WHERE ((webhook_delivery.workspace_id = webhook.workspace_id) AND (webhook_delivery.webhook_id = webhook.id) AND (webhook_delivery.state = 'waiting'::text))
                   ORDER BY webhook_delivery.due_at
                  LIMIT 1) delivery)
           WHERE webhook.enabled) AS min;
END;

CREATE FUNCTION public.notify_sleeper() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    PERFORM pg_notify(TG_ARGV[0], '');
    RETURN NULL;
END;
$$;

CREATE FUNCTION public.paused_workspaces() RETURNS TABLE(workspace_id integer)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT control.workspace_id
    FROM (public.queue_control control
      JOIN public.open_workspace w ON ((w.workspace_id = control.workspace_id)))
   WHERE (control.paused_at IS NOT NULL)
   ORDER BY control.workspace_id;
END;

CREATE FUNCTION public.protect_audit() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    permitted text := current_setting('mergelane.audit_change', true);
BEGIN
    IF TG_OP = 'DELETE' AND permitted = 'pruning' THEN
        RETURN OLD;
    END IF;
    -- The owner of the tables moves a workspace to another cell, or deletes one that has moved: app/moving.
    IF TG_LEVEL = 'ROW' AND permitted = 'moving' AND pg_has_role(
        current_user, (SELECT pg_class.relowner FROM pg_class WHERE pg_class.oid = TG_RELID), 'USAGE'
    ) THEN
        IF TG_OP = 'DELETE' THEN
            RETURN OLD;
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' AND permitted = 'erasure' AND TG_NARGS = 1 AND to_jsonb(NEW) = to_jsonb(OLD) || TG_ARGV[0]::jsonb THEN
        RETURN NEW;
    END IF;
    RAISE insufficient_privilege USING
        MESSAGE = format('The audit can be added to and not changed: %s on %s is refused.', TG_OP, TG_TABLE_NAME),
        HINT = 'To erase a person, use /users/delete. Old rows are deleted after MERGELANE_AUDIT_DAYS.';
END;
$$;

CREATE FUNCTION public.protect_closed_workspace() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    IF current_setting('mergelane.audit_change', true) IS DISTINCT FROM 'moving' THEN
        RAISE EXCEPTION USING ERRCODE = 'ML503', MESSAGE = 'The workspace is being moved to another cell, or has moved.';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    RETURN NEW;
END;
$$;

CREATE FUNCTION public.prune_audit_entries(workspace_id integer, before uuid, most integer) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT (0)::bigint AS int8;
END;

CREATE FUNCTION public.prune_batches(workspace_id integer, before uuid, most integer) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT (0)::bigint AS int8;
END;

CREATE FUNCTION public.prune_old_audit_entries(workspace_id integer, age interval, most integer) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT set_config('mergelane.audit_change'::text, 'pruning'::text, true) AS set_config;
 WITH gone AS (
          DELETE FROM public.audit_entry entry
           WHERE ((entry.workspace_id = prune_old_audit_entries.workspace_id) AND (entry.workspace_id = public.current_workspace()) AND (entry.id = ANY (ARRAY( SELECT old.id
                    FROM public.audit_entry old
                   WHERE ((old.workspace_id = prune_old_audit_entries.workspace_id) AND (old.at < (now() - prune_old_audit_entries.age)))
                   ORDER BY old.at
                  LIMIT prune_old_audit_entries.most
                  FOR UPDATE OF old SKIP LOCKED))))
           RETURNING 1 AS "?column?"
         )
  SELECT count(*) AS count
    FROM gone;
END;

CREATE TABLE public.batch (
    workspace_id integer NOT NULL,
    id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    api_key_id uuid,
    path text NOT NULL,
    request_id text,
    traceparent text,
    source text DEFAULT 'api'::text NOT NULL,
    run_id uuid,
    run_state text,
    run_counts jsonb,
    CONSTRAINT duplicates_have_a_run CHECK (((source <> 'duplicates'::text) OR (run_id IS NOT NULL))),
    CONSTRAINT source_is_known CHECK ((source = ANY (ARRAY['api'::text, 'duplicates'::text, 'plan'::text])))
);

CREATE FUNCTION public.prune_old_batches(workspace_id integer, age interval, most integer) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT set_config('mergelane.audit_change'::text, 'pruning'::text, true) AS set_config;
 WITH ended AS (
          SELECT job.batch_id AS id
            FROM public.job
           WHERE ((job.workspace_id = prune_old_batches.workspace_id) AND (job.finished_at < (now() - prune_old_batches.age)) AND ((job.outcome IS NOT NULL) IS TRUE) AND (( SELECT other.id
                    FROM public.job other
                   WHERE ((other.workspace_id = prune_old_batches.workspace_id) AND (other.batch_id = job.batch_id) AND (((other.outcome IS NULL) OR (other.finished_at >= (now() - prune_old_batches.age))) IS TRUE))
                  LIMIT 1) IS NULL))
           ORDER BY job.finished_at
          LIMIT prune_old_batches.most
         ), first AS (
          SELECT batch.id
            FROM public.batch
           WHERE (batch.workspace_id = prune_old_batches.workspace_id)
           ORDER BY batch.id
          LIMIT prune_old_batches.most
         ), empty AS (
          SELECT first.id
            FROM first
           WHERE (( SELECT job.id
                    FROM public.job
                   WHERE ((job.workspace_id = prune_old_batches.workspace_id) AND (job.batch_id = first.id))
                  LIMIT 1) IS NULL)
         ), locked AS (
          SELECT old.id
            FROM public.batch old
           WHERE ((old.workspace_id = prune_old_batches.workspace_id) AND (old.id = ANY (ARRAY( SELECT ended.id
                    FROM ended
                 UNION
                  SELECT empty.id
                    FROM empty))) AND (old.created_at < (now() - prune_old_batches.age)))
          FOR UPDATE OF old SKIP LOCKED
         ), gone AS (
          DELETE FROM public.batch
           WHERE ((batch.workspace_id = prune_old_batches.workspace_id) AND (batch.workspace_id = public.current_workspace()) AND (batch.id = ANY (ARRAY( SELECT locked.id
                    FROM locked))))
           RETURNING 1 AS "?column?"
         )
  SELECT count(*) AS count
    FROM gone;
END;

CREATE TABLE public.run (
    workspace_id integer NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL,
    label text,
    state text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    api_key_id uuid,
    request_id text,
    closed_at timestamp with time zone,
    finished_at timestamp with time zone,
    undoes_run uuid,
    undone_by_run uuid,
    undo_step jsonb,
    results jsonb DEFAULT '{}'::jsonb NOT NULL,
    cancelled_at timestamp with time zone,
    priority smallint DEFAULT 3 NOT NULL,
    max_failures integer,
    max_failures_percent numeric,
    ended_before integer DEFAULT 0 NOT NULL,
    failed_before integer DEFAULT 0 NOT NULL,
    CONSTRAINT finished_at_when_ended CHECK (((finished_at IS NOT NULL) = (state = ANY (ARRAY['finished'::text, 'cancelled'::text, 'failed'::text])))),
    CONSTRAINT open_until_closed CHECK (((state <> 'open'::text) OR (closed_at IS NULL))),
    CONSTRAINT run_kind_check CHECK ((kind = ANY (ARRAY['client'::text, 'file'::text, 'import'::text, 'plan'::text, 'duplicates'::text, 'undo'::text, 'bulk'::text]))),
    CONSTRAINT run_state_check CHECK ((state = ANY (ARRAY['open'::text, 'running'::text, 'finished'::text, 'cancelled'::text, 'failed'::text]))),
    CONSTRAINT undo_names_its_run CHECK (((kind = 'undo'::text) = (undoes_run IS NOT NULL)))
);

CREATE FUNCTION public.prune_old_runs(workspace_id integer, age interval, most integer) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 WITH gone AS (
          DELETE FROM public.run
           WHERE ((run.workspace_id = prune_old_runs.workspace_id) AND (run.workspace_id = public.current_workspace()) AND (run.id = ANY (ARRAY( SELECT old.id
                    FROM public.run old
                   WHERE ((old.workspace_id = prune_old_runs.workspace_id) AND (old.state <> 'running'::text) AND (old.kind <> 'duplicates'::text) AND (COALESCE(old.finished_at, old.created_at) < (now() - prune_old_runs.age)) AND (( SELECT batch.id
                            FROM public.batch
                           WHERE ((batch.workspace_id = prune_old_runs.workspace_id) AND (batch.run_id = old.id))
                          LIMIT 1) IS NULL))
                   ORDER BY old.id
                  LIMIT prune_old_runs.most
                  FOR UPDATE OF old SKIP LOCKED))))
           RETURNING 1 AS "?column?"
         )
  SELECT count(*) AS count
    FROM gone;
END;

CREATE FUNCTION public.publishable_workspaces_from(floors jsonb) RETURNS TABLE(workspace_id integer, has_limit boolean, has_urgent boolean)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT w.workspace_id,
     (control.merges_per_minute_limit IS NOT NULL),
     (due.due_at < ((now() - '100 years'::interval) - '913 days'::interval))
    FROM ((public.open_workspace w
      LEFT JOIN public.queue_control control ON ((control.workspace_id = w.workspace_id)))
      CROSS JOIN LATERAL ( SELECT head.due_at
            FROM (( SELECT 0 AS place,
                     '-infinity'::timestamp with time zone AS after,
                     now() AS until
                   WHERE ((publishable_workspaces_from.floors -> (w.workspace_id)::text) IS NULL)
                 UNION ALL
                  SELECT given.place,
                     COALESCE(to_timestamp((given.floor)::double precision),
                         CASE given.place
                             WHEN 1 THEN '-infinity'::timestamp with time zone
                             ELSE ((now() - '100 years'::interval) + (((given.place - 5))::double precision * '1826 days'::interval))
                         END) AS "coalesce",
                         CASE given.place
                             WHEN 9 THEN now()
                             ELSE ((now() - '100 years'::interval) + (((given.place - 4))::double precision * '1826 days'::interval))
                         END AS "case"
                    FROM jsonb_array_elements_text((publishable_workspaces_from.floors -> (w.workspace_id)::text)) WITH ORDINALITY given(floor, place)
           ORDER BY 1) band
              CROSS JOIN LATERAL ( SELECT job.due_at
                    FROM public.job
                   WHERE ((job.workspace_id = w.workspace_id) AND (job.state = 'queued'::text) AND (job.published_at IS NULL) AND (job.lane = job.index) AND (job.due_at > band.after) AND (job.due_at <= band.until))
                   ORDER BY job.due_at, job.id
                  LIMIT 1) head)
          LIMIT 1) due)
   WHERE ((control.paused_at IS NULL) AND ((control.merges_per_minute_limit IS NULL) OR (control.paced_at IS NULL) OR ((control.paced_at + ('00:01:00'::interval / (control.merges_per_minute_limit)::double precision)) <= now())))
   ORDER BY w.workspace_id;
END;

CREATE FUNCTION public.publishable_workspaces() RETURNS TABLE(workspace_id integer, has_limit boolean, has_urgent boolean)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT publishable.workspace_id,
     publishable.has_limit,
     publishable.has_urgent
    FROM public.publishable_workspaces_from('{}'::jsonb) publishable(workspace_id, has_limit, has_urgent);
END;

CREATE FUNCTION public.renew_key_digest(digest bytea, pepper text, older bytea[]) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 UPDATE public.api_key key SET digest = renew_key_digest.digest, pepper = renew_key_digest.pepper
   WHERE ((key.workspace_id = public.current_workspace()) AND (key.digest = ANY (renew_key_digest.older)) AND (NOT (EXISTS ( SELECT 1
            FROM public.api_key other
           WHERE (other.digest = renew_key_digest.digest)))));
END;

CREATE FUNCTION public.renew_statistics(relation regclass) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
DECLARE
    target record;
    version integer := current_setting('server_version_num');
BEGIN
    FOR target IN
        SELECT class.oid AS class, class.relnamespace::regnamespace::text AS schema, class.relname, attribute.attname
        FROM pg_class AS class
        JOIN pg_attribute AS attribute ON attribute.attrelid = class.oid
        WHERE (
                class.oid = relation
                OR class.oid IN (SELECT pg_index.indexrelid FROM pg_index WHERE pg_index.indrelid = relation)
            )
            AND class.relowner = (SELECT pg_roles.oid FROM pg_roles WHERE pg_roles.rolname = current_user)
            AND attribute.attnum > 0 AND NOT attribute.attisdropped
        ORDER BY class.relkind DESC, class.oid
    LOOP
        IF version >= 180000 THEN
            EXECUTE 'SELECT pg_clear_attribute_stats($1, $2, $3, false)'
            USING target.schema, target.relname::text, target.attname::text;
        ELSIF (SELECT pg_roles.rolsuper FROM pg_roles WHERE pg_roles.rolname = current_user) THEN
            EXECUTE 'DELETE FROM pg_statistic WHERE starelid = $1' USING target.class;
        END IF;
    END LOOP;
    EXECUTE format('ANALYZE %s', relation);
END;
$_$;

CREATE FUNCTION public.save_key_use(workspace_id integer, key_id uuid, interval_s double precision) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 UPDATE public.api_key key SET last_used_at = now()
   WHERE ((key.workspace_id = save_key_use.workspace_id) AND (key.workspace_id = public.current_workspace()) AND (key.id = ( SELECT used.id
            FROM public.api_key used
           WHERE ((used.workspace_id = save_key_use.workspace_id) AND (used.id = save_key_use.key_id) AND ((used.last_used_at IS NULL) OR (used.last_used_at < (now() - make_interval(secs => save_key_use.interval_s)))))
          FOR NO KEY UPDATE OF used SKIP LOCKED)));
END;

CREATE FUNCTION public.snapshot_of(workspace_id integer) RETURNS pg_snapshot
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    RETURN pg_current_snapshot();
END;
$$;

CREATE TABLE public.key_recomputation (
    workspace_id integer NOT NULL,
    cursor bigint DEFAULT 0 NOT NULL,
    is_last_pass boolean DEFAULT false NOT NULL,
    finished_at timestamp with time zone
);

CREATE FUNCTION public.workspaces_to_recompute() RETURNS TABLE(workspace_id integer)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT k.workspace_id
    FROM (public.key_recomputation k
      JOIN public.open_workspace w ON ((w.workspace_id = k.workspace_id)))
   WHERE (k.finished_at IS NULL)
   ORDER BY k.workspace_id;
END;

CREATE FUNCTION public.workspaces_to_rescue() RETURNS TABLE(workspace_id integer)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT w.workspace_id
    FROM (public.open_workspace w
      CROSS JOIN LATERAL (( SELECT job.id
            FROM public.job
           WHERE ((job.workspace_id = w.workspace_id) AND (job.state = ANY (ARRAY['queued'::text, 'running'::text])) AND (job.published_at IS NOT NULL))
           ORDER BY job.published_at
          LIMIT 1)
         UNION ALL
         ( SELECT job.id
            FROM public.job
           WHERE ((job.workspace_id = w.workspace_id) AND (job.state = 'queued'::text) AND (job.published_at IS NULL) AND (job.lane = job.index) AND (job.due_at > now()) AND (job.due_at < '9000-01-01 00:00:00+00'::timestamp with time zone))
           ORDER BY job.due_at DESC, job.id DESC
          LIMIT 1)
  LIMIT 1) found)
   ORDER BY w.workspace_id;
END;

CREATE TABLE public.job_minute (
    workspace_id integer NOT NULL,
    begins_at timestamp with time zone NOT NULL,
    accepted bigint NOT NULL,
    ended jsonb NOT NULL,
    unfinished bigint NOT NULL
);

CREATE FUNCTION public.workspaces_to_sum(until timestamp with time zone) RETURNS TABLE(workspace_id integer)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT w.workspace_id
    FROM ((public.open_workspace w
      LEFT JOIN LATERAL ( SELECT (minute.begins_at + '00:01:00'::interval) AS ends_at
            FROM public.job_minute minute
           WHERE (minute.workspace_id = w.workspace_id)
           ORDER BY minute.begins_at DESC
          LIMIT 1) summed ON (true))
      CROSS JOIN LATERAL (( SELECT job.id
            FROM public.job
           WHERE ((job.workspace_id = w.workspace_id) AND (job.finished_at >= COALESCE(summed.ends_at, (workspaces_to_sum.until - '7 days'::interval))) AND (job.finished_at < workspaces_to_sum.until))
          LIMIT 1)
         UNION ALL
          SELECT oldest.id
            FROM ( SELECT job.id,
                     job.created_at
                    FROM public.job
                   WHERE ((job.workspace_id = w.workspace_id) AND (job.state = 'queued'::text))
                   ORDER BY job.outcome, job.id
                  LIMIT 1) oldest
           WHERE (oldest.created_at < workspaces_to_sum.until)
         UNION ALL
          SELECT oldest.id
            FROM ( SELECT job.id,
                     job.created_at
                    FROM public.job
                   WHERE ((job.workspace_id = w.workspace_id) AND (job.state = 'running'::text))
                   ORDER BY job.outcome, job.id
                  LIMIT 1) oldest
           WHERE (oldest.created_at < workspaces_to_sum.until)
  LIMIT 1) found)
   WHERE ((summed.ends_at IS NULL) OR (summed.ends_at < workspaces_to_sum.until))
   ORDER BY w.workspace_id;
END;

CREATE TABLE public.queue_cancellation (
    workspace_id integer NOT NULL,
    id uuid NOT NULL,
    cancelled_at timestamp with time zone DEFAULT now() NOT NULL,
    kind text,
    source text,
    priority smallint,
    reason text NOT NULL,
    last_job_id uuid,
    run_id uuid
);

CREATE FUNCTION public.workspaces_with_cancellations() RETURNS TABLE(workspace_id integer)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT DISTINCT cancellation.workspace_id
    FROM (public.queue_cancellation cancellation
      JOIN public.open_workspace w ON ((w.workspace_id = cancellation.workspace_id)))
   ORDER BY cancellation.workspace_id;
END;

CREATE FUNCTION public.workspaces_with_due_deliveries() RETURNS TABLE(workspace_id integer, watches boolean, deliveries boolean)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT found.workspace_id,
     found.watches,
     found.deliveries
    FROM ( SELECT w.workspace_id,
             ((EXISTS ( SELECT 1
                    FROM public.webhook_watch watch
                   WHERE ((watch.workspace_id = w.workspace_id) AND (watch.check_at <= now())))) OR (EXISTS ( SELECT 1
                    FROM public.webhook_watch watch
                   WHERE ((watch.workspace_id = w.workspace_id) AND (watch.check_at > (now() + '00:00:31'::interval)))))) AS watches,
             (EXISTS ( SELECT 1
                    FROM (public.webhook
                      JOIN public.webhook_delivery delivery ON (((delivery.workspace_id = webhook.workspace_id) AND (delivery.webhook_id = webhook.id))))
                   WHERE ((webhook.workspace_id = w.workspace_id) AND webhook.enabled AND (delivery.state = 'waiting'::text) AND (delivery.due_at <= now())))) AS deliveries
            FROM public.open_workspace w) found
   WHERE (found.watches OR found.deliveries)
   ORDER BY found.workspace_id;
END;

CREATE TABLE public.duplicate_policy (
    workspace_id integer NOT NULL,
    identifier text NOT NULL,
    resolve_ties_by text NOT NULL,
    prefer text NOT NULL,
    daily_at time without time zone,
    time_zone text NOT NULL,
    next_daily_at timestamp with time zone,
    CONSTRAINT duplicate_policy_check CHECK (((daily_at IS NULL) = (next_daily_at IS NULL))),
    CONSTRAINT duplicate_policy_identifier_check CHECK ((identifier = ANY (ARRAY['email'::text, 'phone'::text]))),
    CONSTRAINT duplicate_policy_prefer_check CHECK ((prefer = ANY (ARRAY['newest'::text, 'oldest'::text]))),
    CONSTRAINT duplicate_policy_resolve_ties_by_check CHECK ((resolve_ties_by = ANY (ARRAY['created'::text, 'updated'::text, 'last_session'::text])))
);

CREATE TABLE public.duplicate_run (
    workspace_id integer NOT NULL,
    id uuid NOT NULL,
    trigger text NOT NULL,
    api_key_id uuid,
    identifier text NOT NULL,
    resolve_ties_by text NOT NULL,
    prefer text NOT NULL,
    state text DEFAULT 'running'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    finished_at timestamp with time zone,
    cursor jsonb NOT NULL,
    counts jsonb NOT NULL,
    plan_id uuid,
    CONSTRAINT duplicate_run_check CHECK (((finished_at IS NOT NULL) = (state <> 'running'::text))),
    CONSTRAINT duplicate_run_identifier_check CHECK ((identifier = ANY (ARRAY['email'::text, 'phone'::text]))),
    CONSTRAINT duplicate_run_prefer_check CHECK ((prefer = ANY (ARRAY['newest'::text, 'oldest'::text]))),
    CONSTRAINT duplicate_run_resolve_ties_by_check CHECK ((resolve_ties_by = ANY (ARRAY['created'::text, 'updated'::text, 'last_session'::text]))),
    CONSTRAINT duplicate_run_state_check CHECK ((state = ANY (ARRAY['running'::text, 'finished'::text, 'cancelled'::text, 'failed'::text]))),
    CONSTRAINT duplicate_run_trigger_check CHECK ((trigger = ANY (ARRAY['api'::text, 'daily'::text])))
);

CREATE FUNCTION public.workspaces_with_duplicates_to_merge() RETURNS TABLE(workspace_id integer)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT run.workspace_id
    FROM (public.duplicate_run run
      JOIN public.open_workspace w ON ((w.workspace_id = run.workspace_id)))
   WHERE (run.state = 'running'::text)
 UNION
  SELECT policy.workspace_id
    FROM (public.duplicate_policy policy
      JOIN public.open_workspace w ON ((w.workspace_id = policy.workspace_id)))
   WHERE (policy.next_daily_at <= now())
  ORDER BY 1;
END;

CREATE TABLE public.erasure (
    workspace_id integer NOT NULL,
    id uuid NOT NULL,
    braze_id text NOT NULL COLLATE pg_catalog."C",
    requested_at timestamp with time zone DEFAULT now() NOT NULL,
    api_key_id uuid,
    request_id text,
    path text NOT NULL,
    state text NOT NULL,
    origin_ids bigint[] NOT NULL,
    cursor jsonb DEFAULT '{}'::jsonb NOT NULL,
    jobs jsonb NOT NULL,
    counts jsonb NOT NULL,
    CONSTRAINT erasure_state_check CHECK ((state = ANY (ARRAY['history'::text, 'jobs'::text, 'statistics'::text])))
);

CREATE FUNCTION public.workspaces_with_erasures() RETURNS TABLE(workspace_id integer)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT DISTINCT e.workspace_id
    FROM (public.erasure e
      JOIN public.open_workspace w ON ((w.workspace_id = e.workspace_id)))
   ORDER BY e.workspace_id;
END;

CREATE TABLE public.identity_feed (
    workspace_id integer NOT NULL,
    last_number bigint DEFAULT 0 NOT NULL,
    snapshot pg_snapshot DEFAULT '1:1:'::pg_snapshot NOT NULL,
    resume_at timestamp with time zone,
    checkpoint_xids bigint[] DEFAULT '{0}'::bigint[] NOT NULL,
    checkpoint_times timestamp with time zone[] DEFAULT '{"1970-01-01 00:00:00+00"}'::timestamp with time zone[] NOT NULL,
    horizon timestamp with time zone DEFAULT '1970-01-01 00:00:00+00'::timestamp with time zone NOT NULL,
    checked_at timestamp with time zone DEFAULT '1970-01-01 00:00:00+00'::timestamp with time zone NOT NULL,
    CONSTRAINT identity_feed_check CHECK ((cardinality(checkpoint_xids) = cardinality(checkpoint_times)))
);

CREATE FUNCTION public.workspaces_with_identity_changes() RETURNS TABLE(workspace_id integer)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT w.workspace_id
    FROM (((public.open_workspace w
      LEFT JOIN public.identity_feed feed ON ((feed.workspace_id = w.workspace_id)))
      LEFT JOIN LATERAL ( SELECT true AS found
            FROM public.job
           WHERE ((job.workspace_id = w.workspace_id) AND (job.finished_at >= feed.horizon))
          LIMIT 1) ended ON (true))
      LEFT JOIN LATERAL ( SELECT true AS found
            FROM public.audit_entry entry
           WHERE ((entry.workspace_id = w.workspace_id) AND (entry.at >= feed.horizon))
          LIMIT 1) entered ON (true))
   WHERE ((feed.workspace_id IS NULL) OR ended.found OR entered.found OR (feed.checked_at > clock_timestamp()))
   ORDER BY w.workspace_id;
END;

CREATE FUNCTION public.workspaces_with_pending_jobs() RETURNS TABLE(workspace_id integer)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT publishable.workspace_id
    FROM public.publishable_workspaces() publishable(workspace_id, has_limit, has_urgent);
END;

CREATE FUNCTION public.workspaces_with_published_jobs() RETURNS TABLE(workspace_id integer)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT w.workspace_id
    FROM (public.open_workspace w
      CROSS JOIN LATERAL ( SELECT job.id
            FROM public.job
           WHERE ((job.workspace_id = w.workspace_id) AND (job.state = ANY (ARRAY['queued'::text, 'running'::text])) AND (job.published_at IS NOT NULL))
           ORDER BY job.published_at
          LIMIT 1) under_way)
   ORDER BY w.workspace_id;
END;

CREATE TABLE public.run_pause (
    workspace_id integer NOT NULL,
    run_id uuid NOT NULL,
    paused_at timestamp with time zone DEFAULT now() NOT NULL,
    reason text NOT NULL,
    resumed_at timestamp with time zone,
    last_batch_id uuid
);

CREATE FUNCTION public.workspaces_with_runs() RETURNS TABLE(workspace_id integer)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT w.workspace_id
    FROM (public.open_workspace w
      CROSS JOIN LATERAL (( SELECT batch.id
            FROM public.batch
           WHERE ((batch.workspace_id = w.workspace_id) AND (batch.run_id IS NOT NULL) AND (batch.run_state IS DISTINCT FROM 'settled'::text))
          LIMIT 1)
         UNION ALL
         ( SELECT run.id
            FROM public.run
           WHERE ((run.workspace_id = w.workspace_id) AND (run.state = 'running'::text))
          LIMIT 1)
         UNION ALL
         ( SELECT pause.run_id
            FROM public.run_pause pause
           WHERE ((pause.workspace_id = w.workspace_id) AND (pause.resumed_at IS NOT NULL))
          LIMIT 1)
  LIMIT 1) found)
   ORDER BY w.workspace_id;
END;

CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);

CREATE TABLE public.custom_event (
    workspace_id integer NOT NULL,
    origin_id bigint NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    occurred_at timestamp with time zone NOT NULL,
    id bigint NOT NULL,
    app_id text,
    properties jsonb
);

ALTER TABLE public.custom_event ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.custom_event_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.deprecated_external_id (
    workspace_id integer NOT NULL,
    external_id text NOT NULL COLLATE pg_catalog."C",
    profile_id bigint NOT NULL,
    deprecated_at timestamp with time zone NOT NULL,
    CONSTRAINT deprecated_external_id_external_id_check CHECK (((octet_length(external_id) >= 1) AND (octet_length(external_id) <= 987)))
);

CREATE TABLE public.duplicate_exclusion (
    workspace_id integer NOT NULL,
    id uuid NOT NULL,
    low_origin_id bigint NOT NULL,
    high_origin_id bigint NOT NULL,
    low_braze_id text NOT NULL COLLATE pg_catalog."C",
    high_braze_id text NOT NULL COLLATE pg_catalog."C",
    reason text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    api_key_id uuid,
    undo_job_id uuid,
    CONSTRAINT duplicate_exclusion_check CHECK ((low_origin_id < high_origin_id))
);

CREATE TABLE public.engagement (
    workspace_id integer NOT NULL,
    origin_id bigint NOT NULL,
    kind text NOT NULL,
    message_id text NOT NULL COLLATE pg_catalog."C",
    occurred_at timestamp with time zone NOT NULL,
    id bigint NOT NULL,
    event text NOT NULL,
    name text,
    properties jsonb,
    CONSTRAINT engagement_kind_check CHECK ((kind = ANY (ARRAY['campaign'::text, 'canvas'::text])))
);

ALTER TABLE public.engagement ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.engagement_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.failed_attempt (
    workspace_id integer NOT NULL,
    job_id uuid NOT NULL,
    number integer NOT NULL,
    attempt smallint NOT NULL,
    failed_at timestamp with time zone DEFAULT now() NOT NULL,
    reason text NOT NULL,
    task_id uuid
);

CREATE TABLE public.former_name (
    workspace_id integer NOT NULL,
    origin_id bigint NOT NULL,
    kind text NOT NULL COLLATE pg_catalog."C",
    label text NOT NULL COLLATE pg_catalog."C",
    value text NOT NULL COLLATE pg_catalog."C",
    ended_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT former_name_kind_check CHECK ((kind = ANY (ARRAY['external_id'::text, 'user_alias'::text, 'email'::text, 'phone'::text])))
);

CREATE VIEW public.held_lane AS
 SELECT head.workspace_id,
    head.id
   FROM ((public.job head
     CROSS JOIN LATERAL ( SELECT unnest(member.search_keys) AS key
           FROM public.job member
          WHERE ((member.workspace_id = head.workspace_id) AND (member.batch_id = head.batch_id) AND (member.index >= head.lane) AND (member.lane = head.lane) AND ((member.state = 'queued'::text) IS TRUE))
         OFFSET 0) named)
     CROSS JOIN LATERAL (( SELECT identification.id
           FROM public.job identification
          WHERE ((identification.workspace_id = head.workspace_id) AND (identification.search_keys[1] = named.key) AND (identification.kind = 'identify'::text) AND ((identification.state = ANY (ARRAY['queued'::text, 'running'::text])) IS TRUE) AND (ROW(identification.created_at, identification.batch_id) < ROW(head.created_at, head.batch_id)))
         LIMIT 1)
        UNION ALL
        ( SELECT identification.id
           FROM public.job identification
          WHERE ((identification.workspace_id = head.workspace_id) AND (identification.search_keys[2] = named.key) AND (identification.kind = 'identify'::text) AND ((identification.state = ANY (ARRAY['queued'::text, 'running'::text])) IS TRUE) AND (ROW(identification.created_at, identification.batch_id) < ROW(head.created_at, head.batch_id)))
         LIMIT 1)) earlier)
  WHERE (head.workspace_id = public.current_workspace());

CREATE TABLE public.idempotency (
    workspace_id integer NOT NULL,
    path text NOT NULL,
    key text NOT NULL,
    body_digest bytea NOT NULL,
    batch_id uuid,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    response bytea,
    CONSTRAINT idempotency_key_check CHECK (((length(key) >= 1) AND (length(key) <= 255)))
);

CREATE TABLE public.identify_record (
    workspace_id integer NOT NULL,
    job_id uuid NOT NULL,
    identified_at timestamp with time zone NOT NULL,
    profile_id bigint NOT NULL,
    updated_before timestamp with time zone NOT NULL
);

CREATE TABLE public.identity_change (
    workspace_id integer NOT NULL,
    number bigint NOT NULL,
    entry_id uuid NOT NULL,
    kind text NOT NULL,
    at timestamp with time zone NOT NULL,
    job_id uuid,
    undoes uuid,
    orphan_braze_id text COLLATE pg_catalog."C",
    survivor_braze_id text COLLATE pg_catalog."C",
    orphan_external_id text COLLATE pg_catalog."C",
    survivor_external_id text COLLATE pg_catalog."C",
    former_external_id text COLLATE pg_catalog."C",
    CONSTRAINT deletion_without_names CHECK (((kind <> 'delete'::text) OR (num_nonnulls(survivor_braze_id, orphan_external_id, survivor_external_id, former_external_id) = 0))),
    CONSTRAINT identity_change_kind_check CHECK ((kind = ANY (ARRAY['merge'::text, 'undo'::text, 'identify'::text, 'rename'::text, 'remove'::text, 'delete'::text]))),
    CONSTRAINT identity_change_number_check CHECK ((number > 0))
);

CREATE TABLE public.installation (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    is_only_row boolean DEFAULT true NOT NULL,
    CONSTRAINT installation_is_only_row_check CHECK (is_only_row)
);

CREATE TABLE public.job_hour (
    workspace_id integer NOT NULL,
    begins_at timestamp with time zone NOT NULL,
    accepted bigint NOT NULL,
    ended jsonb NOT NULL,
    unfinished bigint NOT NULL
);

CREATE TABLE public.key_change (
    workspace_id integer NOT NULL,
    profile_id bigint NOT NULL,
    kind text NOT NULL,
    former_key text COLLATE pg_catalog."C",
    current_key text COLLATE pg_catalog."C",
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT key_change_kind_check CHECK ((kind = ANY (ARRAY['email'::text, 'phone'::text])))
);

CREATE TABLE public.origin (
    workspace_id integer NOT NULL,
    origin_id bigint NOT NULL,
    profile_id bigint NOT NULL,
    CONSTRAINT origin_check CHECK ((origin_id <> profile_id))
);
ALTER TABLE ONLY public.origin ALTER COLUMN profile_id SET (n_distinct=-0.5);

CREATE TABLE public.plan_job (
    workspace_id integer NOT NULL,
    job_id uuid NOT NULL,
    plan_id uuid NOT NULL,
    index integer NOT NULL
);

CREATE TABLE public.plan_update (
    workspace_id integer NOT NULL,
    plan_id uuid NOT NULL,
    index integer NOT NULL,
    orphan_identifier jsonb NOT NULL,
    survivor_identifier jsonb NOT NULL,
    outcome text NOT NULL,
    reason text NOT NULL,
    orphan_id bigint,
    orphan_braze_id text,
    orphan_external_id text,
    survivor_id bigint,
    survivor_braze_id text,
    survivor_external_id text,
    excluded boolean NOT NULL,
    changes json NOT NULL,
    seen jsonb,
    names jsonb NOT NULL
);

CREATE TABLE public.process_heartbeat (
    id uuid NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    host text NOT NULL,
    pid integer NOT NULL,
    version text NOT NULL,
    schema_version text NOT NULL,
    broker_state text,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    seen_at timestamp with time zone DEFAULT now() NOT NULL,
    cell text,
    key_peppers text[],
    webhook_peppers text[]
)
WITH (fillfactor='50');

CREATE TABLE public.profile (
    workspace_id integer NOT NULL,
    id bigint NOT NULL,
    braze_id text NOT NULL COLLATE pg_catalog."C",
    external_id text COLLATE pg_catalog."C",
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    random_bucket smallint NOT NULL,
    control_group boolean DEFAULT false NOT NULL,
    marked_for_deletion_at timestamp with time zone,
    absorbed_on date,
    absorbed_count integer DEFAULT 0 NOT NULL,
    first_name text,
    last_name text,
    gender text,
    dob date,
    home_city text,
    country text,
    language text,
    time_zone text,
    facebook jsonb,
    twitter jsonb,
    current_location jsonb,
    test_user boolean DEFAULT false NOT NULL,
    email text,
    email_key text COLLATE pg_catalog."C",
    email_encrypted boolean DEFAULT false NOT NULL,
    email_subscription jsonb,
    email_open_tracking_disabled boolean,
    email_click_tracking_disabled boolean,
    marked_email_as_spam_at timestamp with time zone,
    phone text,
    phone_e164 text COLLATE pg_catalog."C",
    phone_key text GENERATED ALWAYS AS (COALESCE(phone_e164, btrim(phone))) STORED COLLATE pg_catalog."C",
    push_subscription jsonb,
    push_tokens jsonb DEFAULT '{}'::jsonb NOT NULL,
    devices jsonb DEFAULT '{}'::jsonb NOT NULL,
    subscription_groups jsonb DEFAULT '{}'::jsonb NOT NULL,
    session_count bigint DEFAULT 0 NOT NULL,
    first_session_at timestamp with time zone,
    last_session_at timestamp with time zone,
    apps jsonb DEFAULT '{}'::jsonb NOT NULL,
    custom_attributes jsonb DEFAULT '{}'::jsonb NOT NULL,
    custom_events jsonb DEFAULT '{}'::jsonb NOT NULL,
    purchases jsonb DEFAULT '{}'::jsonb NOT NULL,
    purchase_count bigint DEFAULT 0 NOT NULL,
    revenue_cents bigint DEFAULT 0 NOT NULL,
    first_purchase_at timestamp with time zone,
    last_purchase_at timestamp with time zone,
    campaigns_received jsonb DEFAULT '{}'::jsonb NOT NULL,
    canvases_received jsonb DEFAULT '{}'::jsonb NOT NULL,
    last_interactions jsonb DEFAULT '{}'::jsonb NOT NULL,
    email_origin_id bigint,
    phone_origin_id bigint,
    CONSTRAINT profile_absorbed_count_check CHECK ((absorbed_count >= 0)),
    CONSTRAINT profile_braze_id_check CHECK ((braze_id ~ '^[0-9a-f]{24}$'::text)),
    CONSTRAINT profile_check CHECK (((email IS NULL) = (email_key IS NULL))),
    CONSTRAINT profile_check1 CHECK (((phone IS NOT NULL) OR (phone_e164 IS NULL))),
    CONSTRAINT profile_country_check CHECK ((country ~ '^[A-Z]{2}$'::text)),
    CONSTRAINT profile_external_id_check CHECK (((octet_length(external_id) >= 1) AND (octet_length(external_id) <= 987))),
    CONSTRAINT profile_gender_check CHECK ((gender = ANY (ARRAY['M'::text, 'F'::text, 'O'::text, 'N'::text, 'P'::text]))),
    CONSTRAINT profile_purchase_count_check CHECK ((purchase_count >= 0)),
    CONSTRAINT profile_random_bucket_check CHECK (((random_bucket >= 0) AND (random_bucket <= 9999))),
    CONSTRAINT profile_session_count_check CHECK ((session_count >= 0))
)
WITH (fillfactor='80');
ALTER TABLE ONLY public.profile ALTER COLUMN facebook SET STATISTICS 0;
ALTER TABLE ONLY public.profile ALTER COLUMN twitter SET STATISTICS 0;
ALTER TABLE ONLY public.profile ALTER COLUMN current_location SET STATISTICS 0;
ALTER TABLE ONLY public.profile ALTER COLUMN email_subscription SET STATISTICS 0;
ALTER TABLE ONLY public.profile ALTER COLUMN push_subscription SET STATISTICS 0;
ALTER TABLE ONLY public.profile ALTER COLUMN push_tokens SET STATISTICS 0;
ALTER TABLE ONLY public.profile ALTER COLUMN devices SET STATISTICS 0;
ALTER TABLE ONLY public.profile ALTER COLUMN subscription_groups SET STATISTICS 0;
ALTER TABLE ONLY public.profile ALTER COLUMN apps SET STATISTICS 0;
ALTER TABLE ONLY public.profile ALTER COLUMN custom_attributes SET STATISTICS 0;
ALTER TABLE ONLY public.profile ALTER COLUMN custom_events SET STATISTICS 0;
ALTER TABLE ONLY public.profile ALTER COLUMN purchases SET STATISTICS 0;
ALTER TABLE ONLY public.profile ALTER COLUMN campaigns_received SET STATISTICS 0;
ALTER TABLE ONLY public.profile ALTER COLUMN canvases_received SET STATISTICS 0;
ALTER TABLE ONLY public.profile ALTER COLUMN last_interactions SET STATISTICS 0;

ALTER TABLE public.profile ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.profile_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.purchase (
    workspace_id integer NOT NULL,
    origin_id bigint NOT NULL,
    product_id text NOT NULL COLLATE pg_catalog."C",
    occurred_at timestamp with time zone NOT NULL,
    id bigint NOT NULL,
    currency text NOT NULL,
    price_cents bigint NOT NULL,
    app_id text,
    properties jsonb
);

ALTER TABLE public.purchase ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.purchase_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.push_token_report (
    workspace_id integer NOT NULL,
    token_digest bytea NOT NULL,
    origin_id bigint NOT NULL,
    former_origin_id bigint,
    CONSTRAINT push_token_report_token_digest_check CHECK ((octet_length(token_digest) = 32))
);

CREATE TABLE public.redirect (
    workspace_id integer NOT NULL,
    orphan_id bigint NOT NULL,
    survivor_id bigint NOT NULL,
    braze_id text NOT NULL COLLATE pg_catalog."C",
    external_id text COLLATE pg_catalog."C",
    job_id uuid NOT NULL,
    merged_at timestamp with time zone NOT NULL,
    CONSTRAINT redirect_check CHECK ((orphan_id <> survivor_id))
);

CREATE TABLE public.run_progress (
    workspace_id integer NOT NULL,
    run_id uuid NOT NULL,
    batches integer DEFAULT 0 NOT NULL,
    settled_batches integer DEFAULT 0 NOT NULL,
    counts jsonb DEFAULT '{}'::jsonb NOT NULL,
    kinds text[] DEFAULT '{}'::text[] NOT NULL,
    first_ended_at timestamp with time zone,
    last_ended_at timestamp with time zone,
    samples jsonb DEFAULT '[]'::jsonb NOT NULL
)
WITH (fillfactor='50');

CREATE TABLE public.run_undo_merge (
    workspace_id integer NOT NULL,
    run_id uuid NOT NULL,
    merged_at timestamp with time zone NOT NULL,
    job_id uuid NOT NULL
);

CREATE TABLE public.session (
    workspace_id integer NOT NULL,
    origin_id bigint NOT NULL,
    app_id text NOT NULL COLLATE pg_catalog."C",
    started_at timestamp with time zone NOT NULL,
    id bigint NOT NULL,
    ended_at timestamp with time zone,
    CONSTRAINT session_check CHECK ((ended_at >= started_at))
);

ALTER TABLE public.session ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.session_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.sign_in (
    workspace_id integer NOT NULL,
    digest bytea NOT NULL,
    api_key_id uuid NOT NULL,
    begun_at timestamp with time zone DEFAULT now() NOT NULL,
    ends_at timestamp with time zone NOT NULL
);

CREATE TABLE public.user_alias (
    workspace_id integer NOT NULL,
    label text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    profile_id bigint NOT NULL,
    origin_id bigint,
    CONSTRAINT user_alias_label_check CHECK (((octet_length(label) >= 1) AND (octet_length(label) <= 236))),
    CONSTRAINT user_alias_name_check CHECK (((octet_length(name) >= 1) AND (octet_length(name) <= 236)))
);

CREATE TABLE public.workspace_home (
    workspace_id integer NOT NULL
);

CREATE VIEW public.workspace_job AS
 SELECT workspace_id,
    id,
    state,
    outcome,
    search_keys,
    orphan_identifier,
    survivor_identifier,
    orphan_braze_id,
    survivor_braze_id,
    batch_id,
    kind,
    undone_at
   FROM public.job
  WHERE (workspace_id = public.current_workspace());

CREATE TABLE public.workspace_move (
    workspace_id integer NOT NULL,
    target text NOT NULL,
    step text NOT NULL,
    began_at timestamp with time zone DEFAULT now() NOT NULL,
    step_at timestamp with time zone DEFAULT now() NOT NULL,
    tables jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT workspace_move_step_check CHECK ((step = ANY (ARRAY['copying'::text, 'closing'::text, 'closed'::text, 'verified'::text, 'done'::text])))
);

CREATE VIEW public.workspace_profile AS
 SELECT workspace_id,
    id,
    external_id,
    created_at,
    random_bucket,
    first_name,
    last_name,
    gender,
    dob,
    home_city,
    country,
    language,
    time_zone,
    test_user,
    email,
    email_key,
    email_subscription,
    phone,
    phone_key,
    push_subscription,
    session_count,
    first_session_at,
    last_session_at,
    custom_attributes,
    purchase_count,
    revenue_cents,
    first_purchase_at,
    last_purchase_at,
    updated_at,
    devices,
    custom_events,
    purchases,
    apps,
    campaigns_received,
    canvases_received,
    last_interactions,
    subscription_groups,
    phone_e164
   FROM public.profile
  WHERE (workspace_id = public.current_workspace());

ALTER TABLE public.workspace ALTER COLUMN workspace_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.workspace_workspace_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);

ALTER TABLE ONLY public.api_key
    ADD CONSTRAINT api_key_digest_key UNIQUE (digest);

ALTER TABLE ONLY public.api_key
    ADD CONSTRAINT api_key_pkey PRIMARY KEY (workspace_id, id);

ALTER TABLE ONLY public.audit_entry
    ADD CONSTRAINT audit_entry_pkey PRIMARY KEY (workspace_id, id);

ALTER TABLE ONLY public.batch
    ADD CONSTRAINT batch_pkey PRIMARY KEY (workspace_id, id);

ALTER TABLE ONLY public.custom_event
    ADD CONSTRAINT custom_event_pkey PRIMARY KEY (workspace_id, origin_id, name, occurred_at, id);

ALTER TABLE ONLY public.deprecated_external_id
    ADD CONSTRAINT deprecated_external_id_pkey PRIMARY KEY (workspace_id, external_id);

ALTER TABLE ONLY public.duplicate_exclusion
    ADD CONSTRAINT duplicate_exclusion_pkey PRIMARY KEY (workspace_id, id);

ALTER TABLE ONLY public.duplicate_policy
    ADD CONSTRAINT duplicate_policy_pkey PRIMARY KEY (workspace_id);

ALTER TABLE ONLY public.duplicate_run
    ADD CONSTRAINT duplicate_run_pkey PRIMARY KEY (workspace_id, id);

ALTER TABLE ONLY public.engagement
    ADD CONSTRAINT engagement_pkey PRIMARY KEY (workspace_id, origin_id, kind, message_id, occurred_at, id);

ALTER TABLE ONLY public.erasure
    ADD CONSTRAINT erasure_pkey PRIMARY KEY (workspace_id, id);

ALTER TABLE ONLY public.failed_attempt
    ADD CONSTRAINT failed_attempt_pkey PRIMARY KEY (workspace_id, job_id, number);

ALTER TABLE ONLY public.former_name
    ADD CONSTRAINT former_name_pkey PRIMARY KEY (workspace_id, origin_id, kind, label, value);

ALTER TABLE ONLY public.idempotency
    ADD CONSTRAINT idempotency_pkey PRIMARY KEY (workspace_id, path, key);

ALTER TABLE ONLY public.identify_record
    ADD CONSTRAINT identify_record_pkey PRIMARY KEY (workspace_id, job_id);

ALTER TABLE ONLY public.identity_change
    ADD CONSTRAINT identity_change_pkey PRIMARY KEY (workspace_id, number);

ALTER TABLE ONLY public.identity_change
    ADD CONSTRAINT identity_change_workspace_id_entry_id_key UNIQUE (workspace_id, entry_id);

ALTER TABLE ONLY public.identity_feed
    ADD CONSTRAINT identity_feed_pkey PRIMARY KEY (workspace_id);

ALTER TABLE ONLY public.installation
    ADD CONSTRAINT installation_pkey PRIMARY KEY (is_only_row);

ALTER TABLE ONLY public.job_hour
    ADD CONSTRAINT job_hour_pkey PRIMARY KEY (workspace_id, begins_at);

ALTER TABLE ONLY public.job_minute
    ADD CONSTRAINT job_minute_pkey PRIMARY KEY (workspace_id, begins_at);

ALTER TABLE ONLY public.job
    ADD CONSTRAINT job_pkey PRIMARY KEY (workspace_id, id);

ALTER TABLE ONLY public.job
    ADD CONSTRAINT job_workspace_id_batch_id_index_key UNIQUE (workspace_id, batch_id, index);

ALTER TABLE ONLY public.key_change
    ADD CONSTRAINT key_change_pkey PRIMARY KEY (workspace_id, profile_id, kind);

ALTER TABLE ONLY public.key_recomputation
    ADD CONSTRAINT key_recomputation_pkey PRIMARY KEY (workspace_id);

ALTER TABLE ONLY public.merge_record
    ADD CONSTRAINT merge_record_pkey PRIMARY KEY (workspace_id, job_id);

ALTER TABLE ONLY public.origin
    ADD CONSTRAINT origin_pkey PRIMARY KEY (workspace_id, origin_id);

ALTER TABLE ONLY public.plan_job
    ADD CONSTRAINT plan_job_pkey PRIMARY KEY (workspace_id, job_id);

ALTER TABLE ONLY public.plan_job
    ADD CONSTRAINT plan_job_workspace_id_plan_id_index_key UNIQUE (workspace_id, plan_id, index);

ALTER TABLE ONLY public.plan
    ADD CONSTRAINT plan_pkey PRIMARY KEY (workspace_id, id);

ALTER TABLE ONLY public.plan_update
    ADD CONSTRAINT plan_update_pkey PRIMARY KEY (workspace_id, plan_id, index);

ALTER TABLE ONLY public.process_heartbeat
    ADD CONSTRAINT process_heartbeat_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.profile
    ADD CONSTRAINT profile_pkey PRIMARY KEY (workspace_id, id);

ALTER TABLE ONLY public.profile
    ADD CONSTRAINT profile_workspace_id_braze_id_key UNIQUE (workspace_id, braze_id);

ALTER TABLE ONLY public.purchase
    ADD CONSTRAINT purchase_pkey PRIMARY KEY (workspace_id, origin_id, product_id, occurred_at, id);

ALTER TABLE ONLY public.push_token_report
    ADD CONSTRAINT push_token_report_pkey PRIMARY KEY (workspace_id, token_digest);

ALTER TABLE ONLY public.queue_cancellation
    ADD CONSTRAINT queue_cancellation_pkey PRIMARY KEY (workspace_id, id);

ALTER TABLE ONLY public.queue_control
    ADD CONSTRAINT queue_control_pkey PRIMARY KEY (workspace_id);

ALTER TABLE ONLY public.redirect
    ADD CONSTRAINT redirect_pkey PRIMARY KEY (workspace_id, orphan_id);

ALTER TABLE ONLY public.redirect
    ADD CONSTRAINT redirect_workspace_id_braze_id_key UNIQUE (workspace_id, braze_id);

ALTER TABLE ONLY public.run_pause
    ADD CONSTRAINT run_pause_pkey PRIMARY KEY (workspace_id, run_id);

ALTER TABLE ONLY public.run
    ADD CONSTRAINT run_pkey PRIMARY KEY (workspace_id, id);

ALTER TABLE ONLY public.run_progress
    ADD CONSTRAINT run_progress_pkey PRIMARY KEY (workspace_id, run_id);

ALTER TABLE ONLY public.run_undo_merge
    ADD CONSTRAINT run_undo_merge_pkey PRIMARY KEY (workspace_id, run_id, merged_at, job_id);

ALTER TABLE ONLY public.session
    ADD CONSTRAINT session_pkey PRIMARY KEY (workspace_id, origin_id, app_id, started_at, id);

ALTER TABLE ONLY public.sign_in
    ADD CONSTRAINT sign_in_pkey PRIMARY KEY (workspace_id, digest);

ALTER TABLE ONLY public.undo_record
    ADD CONSTRAINT undo_record_pkey PRIMARY KEY (workspace_id, job_id);

ALTER TABLE ONLY public.user_alias
    ADD CONSTRAINT user_alias_pkey PRIMARY KEY (workspace_id, label, name);

ALTER TABLE ONLY public.user_alias
    ADD CONSTRAINT user_alias_workspace_id_profile_id_label_key UNIQUE (workspace_id, profile_id, label);

ALTER TABLE ONLY public.webhook_delivery
    ADD CONSTRAINT webhook_delivery_pkey PRIMARY KEY (workspace_id, id);

ALTER TABLE ONLY public.webhook
    ADD CONSTRAINT webhook_pkey PRIMARY KEY (workspace_id, id);

ALTER TABLE ONLY public.webhook_watch
    ADD CONSTRAINT webhook_watch_pkey PRIMARY KEY (workspace_id, batch_id);

ALTER TABLE ONLY public.workspace_home
    ADD CONSTRAINT workspace_home_pkey PRIMARY KEY (workspace_id);

ALTER TABLE ONLY public.workspace_move
    ADD CONSTRAINT workspace_move_pkey PRIMARY KEY (workspace_id);

ALTER TABLE ONLY public.workspace
    ADD CONSTRAINT workspace_name_key UNIQUE (name);

ALTER TABLE ONLY public.workspace
    ADD CONSTRAINT workspace_pkey PRIMARY KEY (workspace_id);

ALTER TABLE ONLY public.workspace
    ADD CONSTRAINT workspace_route_label_key UNIQUE (route_label);

CREATE INDEX audit_entry_age ON public.audit_entry USING btree (workspace_id, at);

CREATE INDEX audit_entry_by_action ON public.audit_entry USING btree (workspace_id, action, id);

CREATE INDEX audit_entry_by_braze_id ON public.audit_entry USING btree (workspace_id, braze_id);

CREATE INDEX audit_entry_by_external_id ON public.audit_entry USING btree (workspace_id, external_id) WHERE (external_id IS NOT NULL);

CREATE INDEX audit_entry_by_key ON public.audit_entry USING btree (workspace_id, api_key_id, id);

CREATE INDEX audit_entry_by_new_external_id ON public.audit_entry USING btree (workspace_id, new_external_id) WHERE (new_external_id IS NOT NULL);

CREATE INDEX batch_by_key ON public.batch USING btree (workspace_id, api_key_id, id);

CREATE INDEX batch_by_run ON public.batch USING btree (workspace_id, run_id, id) WHERE (run_id IS NOT NULL);

CREATE INDEX batch_of_run ON public.batch USING btree (workspace_id, id) WHERE (source = 'duplicates'::text);

CREATE INDEX batch_to_count ON public.batch USING btree (workspace_id, run_state, id) WHERE ((run_id IS NOT NULL) AND (run_state IS DISTINCT FROM 'settled'::text));

CREATE INDEX custom_event_occurred ON public.custom_event USING brin (occurred_at) WITH (autosummarize='on');

CREATE INDEX deprecated_external_id_of_profile ON public.deprecated_external_id USING btree (workspace_id, profile_id);

CREATE INDEX duplicate_exclusion_high ON public.duplicate_exclusion USING btree (workspace_id, high_origin_id);

CREATE UNIQUE INDEX duplicate_exclusion_pair ON public.duplicate_exclusion USING btree (workspace_id, low_origin_id, high_origin_id);

CREATE UNIQUE INDEX duplicate_run_running ON public.duplicate_run USING btree (workspace_id) WHERE (state = 'running'::text);

CREATE INDEX erasure_by_state ON public.erasure USING btree (workspace_id, state, id);

CREATE INDEX idempotency_age ON public.idempotency USING btree (workspace_id, created_at);

CREATE INDEX identity_change_of_orphan ON public.identity_change USING btree (workspace_id, orphan_braze_id) WHERE (orphan_braze_id IS NOT NULL);

CREATE INDEX identity_change_of_survivor ON public.identity_change USING btree (workspace_id, survivor_braze_id) WHERE (survivor_braze_id IS NOT NULL);

CREATE INDEX job_by_search_key ON public.job USING gin (search_keys);

CREATE INDEX job_by_state ON public.job USING btree (workspace_id, state, outcome, id);

CREATE INDEX job_due ON public.job USING btree (workspace_id, due_at, id) WHERE ((state = 'queued'::text) AND (published_at IS NULL) AND (lane = index));

CREATE INDEX job_ended ON public.job USING btree (workspace_id, finished_at) INCLUDE (outcome) WHERE (finished_at IS NOT NULL);

CREATE INDEX job_identify_due ON public.job USING btree (workspace_id, due_at, id) WHERE ((kind = 'identify'::text) AND (state = 'queued'::text) AND (published_at IS NULL) AND (lane = index));

CREATE INDEX job_identify_orphan ON public.job USING btree (workspace_id, (search_keys[1]), created_at, batch_id) WHERE ((kind = 'identify'::text) AND ((state = ANY (ARRAY['queued'::text, 'running'::text])) IS TRUE) AND (search_keys[1] IS NOT NULL));

CREATE INDEX job_identify_survivor ON public.job USING btree (workspace_id, (search_keys[2]), created_at, batch_id) WHERE ((kind = 'identify'::text) AND ((state = ANY (ARRAY['queued'::text, 'running'::text])) IS TRUE) AND (search_keys[2] IS NOT NULL));

CREATE INDEX job_published ON public.job USING btree (workspace_id, published_at) WHERE ((state = ANY (ARRAY['queued'::text, 'running'::text])) AND (published_at IS NOT NULL));

CREATE UNIQUE INDEX job_undo_without_outcome ON public.job USING btree (workspace_id, undoes) WHERE ((undoes IS NOT NULL) AND (outcome IS NULL));

CREATE INDEX origin_of_profile ON public.origin USING btree (workspace_id, profile_id);

CREATE UNIQUE INDEX plan_of_run ON public.plan USING btree (workspace_id, run_id) WHERE (run_id IS NOT NULL);

CREATE INDEX plan_update_orphan ON public.plan_update USING btree (workspace_id, orphan_id) WHERE (orphan_id IS NOT NULL);

CREATE INDEX plan_update_survivor ON public.plan_update USING btree (workspace_id, survivor_id) WHERE (survivor_id IS NOT NULL);

CREATE INDEX profile_custom_attributes ON public.profile USING gin (jsonb_set('{}'::jsonb, ARRAY[(workspace_id)::text], custom_attributes) jsonb_path_ops) WITH (gin_pending_list_limit='1024');

CREATE INDEX profile_email ON public.profile USING btree (workspace_id, email_key, ((external_id IS NOT NULL)), updated_at, id) WHERE (email_key IS NOT NULL);

CREATE UNIQUE INDEX profile_external_id ON public.profile USING btree (workspace_id, external_id) WHERE (external_id IS NOT NULL);

CREATE INDEX profile_phone ON public.profile USING btree (workspace_id, phone_key, ((external_id IS NOT NULL)), updated_at, id) WHERE (phone_key IS NOT NULL);

CREATE INDEX profile_unidentified ON public.profile USING btree (workspace_id, id) WHERE (external_id IS NULL);

CREATE INDEX profile_unidentified_device ON public.profile USING gin (jsonb_set('{}'::jsonb, ARRAY[(workspace_id)::text], jsonb_path_query_array(devices, '$.keyvalue()."key"'::jsonpath)) jsonb_path_ops) WITH (gin_pending_list_limit='1024') WHERE ((external_id IS NULL) AND (devices <> '{}'::jsonb));

CREATE INDEX purchase_occurred ON public.purchase USING brin (occurred_at) WITH (autosummarize='on');

CREATE INDEX push_token_report_of_origin ON public.push_token_report USING btree (workspace_id, origin_id);

CREATE UNIQUE INDEX redirect_external_id ON public.redirect USING btree (workspace_id, external_id) WHERE (external_id IS NOT NULL);

CREATE INDEX run_by_state ON public.run USING btree (workspace_id, state, id);

CREATE INDEX sign_in_by_end ON public.sign_in USING btree (workspace_id, ends_at);

CREATE INDEX undo_record_of_orphan ON public.undo_record USING btree (workspace_id, orphan_id, merged_at);

CREATE INDEX undo_record_of_survivor ON public.undo_record USING btree (workspace_id, survivor_id, merged_at);

CREATE INDEX webhook_delivery_age ON public.webhook_delivery USING btree (workspace_id, created_at);

CREATE INDEX webhook_delivery_due ON public.webhook_delivery USING btree (workspace_id, webhook_id, due_at) WHERE (state = 'waiting'::text);

CREATE INDEX webhook_delivery_of_webhook ON public.webhook_delivery USING btree (workspace_id, webhook_id, id);

CREATE INDEX webhook_watch_due ON public.webhook_watch USING btree (workspace_id, check_at);

CREATE TRIGGER add_workspace_home AFTER INSERT ON public.workspace FOR EACH ROW EXECUTE FUNCTION public.add_workspace_home();

CREATE TRIGGER protect_audit BEFORE DELETE OR UPDATE ON public.audit_entry FOR EACH ROW EXECUTE FUNCTION public.protect_audit('{"external_id": null, "new_external_id": null, "changes": null}');

CREATE TRIGGER protect_audit BEFORE UPDATE OF api_key_id, path ON public.batch FOR EACH ROW EXECUTE FUNCTION public.protect_audit();

CREATE TRIGGER protect_audit BEFORE DELETE OR UPDATE ON public.identify_record FOR EACH ROW EXECUTE FUNCTION public.protect_audit();

CREATE TRIGGER protect_audit AFTER UPDATE OF outcome, kind, batch_id, undoes, undone_by, orphan_id, survivor_id, orphan_braze_id, survivor_braze_id ON public.job FOR EACH ROW WHEN (((old.outcome = ANY (ARRAY['merged'::text, 'identified'::text, 'undone'::text, 'undone_in_part'::text])) AND ((old.outcome IS DISTINCT FROM new.outcome) OR (old.kind <> new.kind) OR (old.batch_id <> new.batch_id) OR (old.undoes IS DISTINCT FROM new.undoes) OR (old.orphan_id IS DISTINCT FROM new.orphan_id) OR (old.survivor_id IS DISTINCT FROM new.survivor_id) OR (old.orphan_braze_id IS DISTINCT FROM new.orphan_braze_id) OR (old.survivor_braze_id IS DISTINCT FROM new.survivor_braze_id) OR ((old.undone_by IS NOT NULL) AND (old.undone_by IS DISTINCT FROM new.undone_by))))) EXECUTE FUNCTION public.protect_audit();

CREATE TRIGGER protect_audit BEFORE DELETE OR UPDATE ON public.merge_record FOR EACH ROW EXECUTE FUNCTION public.protect_audit('{"orphan_before": {}, "survivor_before": {}, "changes": [], "deprecated_external_ids": []}');

CREATE TRIGGER protect_audit BEFORE DELETE OR UPDATE ON public.undo_record FOR EACH ROW EXECUTE FUNCTION public.protect_audit('{"changes": []}');

CREATE TRIGGER protect_audit_from_truncate BEFORE TRUNCATE ON public.audit_entry FOR EACH STATEMENT EXECUTE FUNCTION public.protect_audit();

CREATE TRIGGER protect_audit_from_truncate BEFORE TRUNCATE ON public.identify_record FOR EACH STATEMENT EXECUTE FUNCTION public.protect_audit();

CREATE TRIGGER protect_audit_from_truncate BEFORE TRUNCATE ON public.merge_record FOR EACH STATEMENT EXECUTE FUNCTION public.protect_audit();

CREATE TRIGGER protect_audit_from_truncate BEFORE TRUNCATE ON public.undo_record FOR EACH STATEMENT EXECUTE FUNCTION public.protect_audit();

CREATE TRIGGER wake_relay AFTER INSERT OR UPDATE OF due_at, lane ON public.job FOR EACH STATEMENT WHEN ((NOT pg_try_advisory_xact_lock_shared(1835823980, (('public.job'::regclass)::oid)::integer))) EXECUTE FUNCTION public.notify_sleeper('mergelane_job');

CREATE TRIGGER wake_relay AFTER INSERT OR UPDATE OF paused_at, merges_per_minute_limit ON public.queue_control FOR EACH STATEMENT WHEN ((NOT pg_try_advisory_xact_lock_shared(1835823980, (('public.job'::regclass)::oid)::integer))) EXECUTE FUNCTION public.notify_sleeper('mergelane_job');

CREATE TRIGGER wake_sender AFTER UPDATE OF enabled ON public.webhook FOR EACH STATEMENT WHEN ((NOT pg_try_advisory_xact_lock_shared(1835823980, (('public.webhook_delivery'::regclass)::oid)::integer))) EXECUTE FUNCTION public.notify_sleeper('mergelane_webhook_delivery');

CREATE TRIGGER wake_sender AFTER INSERT OR UPDATE OF due_at ON public.webhook_delivery FOR EACH STATEMENT WHEN ((NOT pg_try_advisory_xact_lock_shared(1835823980, (('public.webhook_delivery'::regclass)::oid)::integer))) EXECUTE FUNCTION public.notify_sleeper('mergelane_webhook_delivery');

CREATE TRIGGER wake_sender AFTER INSERT OR UPDATE OF since ON public.webhook_watch FOR EACH ROW WHEN ((NOT pg_try_advisory_xact_lock_shared(1835823980, (('public.webhook_watch'::regclass)::oid)::integer))) EXECUTE FUNCTION public.notify_sleeper('mergelane_webhook_watch');

ALTER TABLE ONLY public.api_key
    ADD CONSTRAINT api_key_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(workspace_id);

ALTER TABLE ONLY public.audit_entry
    ADD CONSTRAINT audit_entry_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(workspace_id);

ALTER TABLE ONLY public.batch
    ADD CONSTRAINT batch_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(workspace_id);

ALTER TABLE ONLY public.deprecated_external_id
    ADD CONSTRAINT deprecated_external_id_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(workspace_id);

ALTER TABLE ONLY public.duplicate_exclusion
    ADD CONSTRAINT duplicate_exclusion_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(workspace_id);

ALTER TABLE ONLY public.duplicate_policy
    ADD CONSTRAINT duplicate_policy_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(workspace_id);

ALTER TABLE ONLY public.duplicate_run
    ADD CONSTRAINT duplicate_run_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(workspace_id);

ALTER TABLE ONLY public.erasure
    ADD CONSTRAINT erasure_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(workspace_id);

ALTER TABLE ONLY public.failed_attempt
    ADD CONSTRAINT failed_attempt_workspace_id_job_id_fkey FOREIGN KEY (workspace_id, job_id) REFERENCES public.job(workspace_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.former_name
    ADD CONSTRAINT former_name_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(workspace_id);

ALTER TABLE ONLY public.idempotency
    ADD CONSTRAINT idempotency_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(workspace_id);

ALTER TABLE ONLY public.identify_record
    ADD CONSTRAINT identify_record_workspace_id_job_id_fkey FOREIGN KEY (workspace_id, job_id) REFERENCES public.job(workspace_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.identity_change
    ADD CONSTRAINT identity_change_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(workspace_id);

ALTER TABLE ONLY public.identity_feed
    ADD CONSTRAINT identity_feed_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(workspace_id);

ALTER TABLE ONLY public.job_hour
    ADD CONSTRAINT job_hour_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(workspace_id);

ALTER TABLE ONLY public.job_minute
    ADD CONSTRAINT job_minute_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(workspace_id);

ALTER TABLE ONLY public.job
    ADD CONSTRAINT job_workspace_id_batch_id_fkey FOREIGN KEY (workspace_id, batch_id) REFERENCES public.batch(workspace_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.key_change
    ADD CONSTRAINT key_change_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(workspace_id);

ALTER TABLE ONLY public.key_recomputation
    ADD CONSTRAINT key_recomputation_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(workspace_id);

ALTER TABLE ONLY public.merge_record
    ADD CONSTRAINT merge_record_workspace_id_job_id_fkey FOREIGN KEY (workspace_id, job_id) REFERENCES public.job(workspace_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.origin
    ADD CONSTRAINT origin_workspace_id_profile_id_fkey FOREIGN KEY (workspace_id, profile_id) REFERENCES public.profile(workspace_id, id);

ALTER TABLE ONLY public.plan_job
    ADD CONSTRAINT plan_job_workspace_id_plan_id_fkey FOREIGN KEY (workspace_id, plan_id) REFERENCES public.plan(workspace_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.plan_update
    ADD CONSTRAINT plan_update_workspace_id_plan_id_fkey FOREIGN KEY (workspace_id, plan_id) REFERENCES public.plan(workspace_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.plan
    ADD CONSTRAINT plan_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(workspace_id);

ALTER TABLE ONLY public.profile
    ADD CONSTRAINT profile_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(workspace_id);

ALTER TABLE ONLY public.push_token_report
    ADD CONSTRAINT push_token_report_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(workspace_id);

ALTER TABLE ONLY public.queue_cancellation
    ADD CONSTRAINT queue_cancellation_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(workspace_id);

ALTER TABLE ONLY public.queue_control
    ADD CONSTRAINT queue_control_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(workspace_id);

ALTER TABLE ONLY public.redirect
    ADD CONSTRAINT redirect_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(workspace_id);

ALTER TABLE ONLY public.run_pause
    ADD CONSTRAINT run_pause_workspace_id_run_id_fkey FOREIGN KEY (workspace_id, run_id) REFERENCES public.run(workspace_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.run_progress
    ADD CONSTRAINT run_progress_workspace_id_run_id_fkey FOREIGN KEY (workspace_id, run_id) REFERENCES public.run(workspace_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.run_undo_merge
    ADD CONSTRAINT run_undo_merge_workspace_id_run_id_fkey FOREIGN KEY (workspace_id, run_id) REFERENCES public.run(workspace_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.run
    ADD CONSTRAINT run_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(workspace_id);

ALTER TABLE ONLY public.sign_in
    ADD CONSTRAINT sign_in_workspace_id_api_key_id_fkey FOREIGN KEY (workspace_id, api_key_id) REFERENCES public.api_key(workspace_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.undo_record
    ADD CONSTRAINT undo_record_workspace_id_job_id_fkey FOREIGN KEY (workspace_id, job_id) REFERENCES public.job(workspace_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.user_alias
    ADD CONSTRAINT user_alias_workspace_id_profile_id_fkey FOREIGN KEY (workspace_id, profile_id) REFERENCES public.profile(workspace_id, id);

ALTER TABLE ONLY public.webhook_delivery
    ADD CONSTRAINT webhook_delivery_workspace_id_webhook_id_fkey FOREIGN KEY (workspace_id, webhook_id) REFERENCES public.webhook(workspace_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.webhook_watch
    ADD CONSTRAINT webhook_watch_workspace_id_batch_id_fkey FOREIGN KEY (workspace_id, batch_id) REFERENCES public.batch(workspace_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.webhook
    ADD CONSTRAINT webhook_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(workspace_id);

ALTER TABLE ONLY public.workspace_home
    ADD CONSTRAINT workspace_home_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(workspace_id);

ALTER TABLE ONLY public.workspace_move
    ADD CONSTRAINT workspace_move_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(workspace_id);

ALTER TABLE public.api_key ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.audit_entry ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.batch ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.custom_event ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.deprecated_external_id ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.duplicate_exclusion ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.duplicate_policy ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.duplicate_run ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.engagement ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.erasure ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.failed_attempt ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.former_name ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.idempotency ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.identify_record ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.identity_change ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.identity_feed ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.job ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.job_hour ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.job_minute ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.key_change ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.key_recomputation ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.merge_record ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.origin ENABLE ROW LEVEL SECURITY;

CREATE POLICY own_workspace ON public.api_key USING ((workspace_id = public.current_workspace()));

CREATE POLICY own_workspace ON public.audit_entry USING ((workspace_id = public.current_workspace()));

CREATE POLICY own_workspace ON public.batch USING ((workspace_id = public.current_workspace()));

CREATE POLICY own_workspace ON public.custom_event USING ((workspace_id = public.current_workspace()));

CREATE POLICY own_workspace ON public.deprecated_external_id USING ((workspace_id = public.current_workspace()));

CREATE POLICY own_workspace ON public.duplicate_exclusion USING ((workspace_id = public.current_workspace()));

CREATE POLICY own_workspace ON public.duplicate_policy USING ((workspace_id = public.current_workspace()));

CREATE POLICY own_workspace ON public.duplicate_run USING ((workspace_id = public.current_workspace()));

CREATE POLICY own_workspace ON public.engagement USING ((workspace_id = public.current_workspace()));

CREATE POLICY own_workspace ON public.erasure USING ((workspace_id = public.current_workspace()));

CREATE POLICY own_workspace ON public.failed_attempt USING ((workspace_id = public.current_workspace()));

CREATE POLICY own_workspace ON public.former_name USING ((workspace_id = public.current_workspace()));

CREATE POLICY own_workspace ON public.idempotency USING ((workspace_id = public.current_workspace()));

CREATE POLICY own_workspace ON public.identify_record USING ((workspace_id = public.current_workspace()));

CREATE POLICY own_workspace ON public.identity_change USING ((workspace_id = public.current_workspace()));

CREATE POLICY own_workspace ON public.identity_feed USING ((workspace_id = public.current_workspace()));

CREATE POLICY own_workspace ON public.job USING ((workspace_id = public.current_workspace()));

CREATE POLICY own_workspace ON public.job_hour USING ((workspace_id = public.current_workspace()));

CREATE POLICY own_workspace ON public.job_minute USING ((workspace_id = public.current_workspace()));

CREATE POLICY own_workspace ON public.key_change USING ((workspace_id = public.current_workspace()));

CREATE POLICY own_workspace ON public.key_recomputation USING ((workspace_id = public.current_workspace()));

CREATE POLICY own_workspace ON public.merge_record USING ((workspace_id = public.current_workspace()));

CREATE POLICY own_workspace ON public.origin USING ((workspace_id = public.current_workspace()));

CREATE POLICY own_workspace ON public.plan USING ((workspace_id = public.current_workspace()));

CREATE POLICY own_workspace ON public.plan_job USING ((workspace_id = public.current_workspace()));

CREATE POLICY own_workspace ON public.plan_update USING ((workspace_id = public.current_workspace()));

CREATE POLICY own_workspace ON public.profile USING ((workspace_id = public.current_workspace()));

CREATE POLICY own_workspace ON public.purchase USING ((workspace_id = public.current_workspace()));

CREATE POLICY own_workspace ON public.push_token_report USING ((workspace_id = public.current_workspace()));

CREATE POLICY own_workspace ON public.queue_cancellation USING ((workspace_id = public.current_workspace()));

CREATE POLICY own_workspace ON public.queue_control USING ((workspace_id = public.current_workspace()));

CREATE POLICY own_workspace ON public.redirect USING ((workspace_id = public.current_workspace()));

CREATE POLICY own_workspace ON public.run USING ((workspace_id = public.current_workspace()));

CREATE POLICY own_workspace ON public.run_pause USING ((workspace_id = public.current_workspace()));

CREATE POLICY own_workspace ON public.run_progress USING ((workspace_id = public.current_workspace()));

CREATE POLICY own_workspace ON public.run_undo_merge USING ((workspace_id = public.current_workspace()));

CREATE POLICY own_workspace ON public.session USING ((workspace_id = public.current_workspace()));

CREATE POLICY own_workspace ON public.sign_in USING ((workspace_id = public.current_workspace()));

CREATE POLICY own_workspace ON public.undo_record USING ((workspace_id = public.current_workspace()));

CREATE POLICY own_workspace ON public.user_alias USING ((workspace_id = public.current_workspace()));

CREATE POLICY own_workspace ON public.webhook USING ((workspace_id = public.current_workspace()));

CREATE POLICY own_workspace ON public.webhook_delivery USING ((workspace_id = public.current_workspace()));

CREATE POLICY own_workspace ON public.webhook_watch USING ((workspace_id = public.current_workspace()));

CREATE POLICY own_workspace ON public.workspace USING ((workspace_id = public.current_workspace()));

CREATE POLICY own_workspace ON public.workspace_home USING ((workspace_id = public.current_workspace()));

CREATE POLICY own_workspace ON public.workspace_move USING ((workspace_id = public.current_workspace()));

ALTER TABLE public.plan ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.plan_job ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.plan_update ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.profile ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.purchase ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.push_token_report ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.queue_cancellation ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.queue_control ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.redirect ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.run ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.run_pause ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.run_progress ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.run_undo_merge ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.session ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.sign_in ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.undo_record ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.user_alias ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.webhook ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.webhook_delivery ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.webhook_watch ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.workspace ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.workspace_home ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.workspace_move ENABLE ROW LEVEL SECURITY;

GRANT USAGE ON SCHEMA public TO mergelane_app;

GRANT SELECT ON TABLE public.workspace TO mergelane_app;

GRANT SELECT ON TABLE public.open_workspace TO mergelane_app;

REVOKE ALL ON FUNCTION public.all_workspaces() FROM PUBLIC;
GRANT ALL ON FUNCTION public.all_workspaces() TO mergelane_app;

REVOKE ALL ON FUNCTION public.analyze_changed_tables(least_rows bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION public.analyze_changed_tables(least_rows bigint) TO mergelane_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.job TO mergelane_app;

REVOKE ALL ON FUNCTION public.count_jobs_by_workspace(most integer, bound integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.count_jobs_by_workspace(most integer, bound integer) TO mergelane_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.plan TO mergelane_app;

REVOKE ALL ON FUNCTION public.count_plans() FROM PUBLIC;
GRANT ALL ON FUNCTION public.count_plans() TO mergelane_app;

GRANT SELECT,INSERT ON TABLE public.audit_entry TO mergelane_app;

REVOKE ALL ON FUNCTION public.erase_audit_names(workspace_id integer, braze_ids text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.erase_audit_names(workspace_id integer, braze_ids text[]) TO mergelane_app;

GRANT SELECT,INSERT ON TABLE public.merge_record TO mergelane_app;

GRANT SELECT,INSERT ON TABLE public.undo_record TO mergelane_app;

REVOKE ALL ON FUNCTION public.erase_audit_records(workspace_id integer, job_ids uuid[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.erase_audit_records(workspace_id integer, job_ids uuid[]) TO mergelane_app;

GRANT SELECT ON TABLE public.api_key TO mergelane_app;

GRANT UPDATE(digest) ON TABLE public.api_key TO mergelane_app;

GRANT UPDATE(pepper) ON TABLE public.api_key TO mergelane_app;

GRANT UPDATE(last_used_at) ON TABLE public.api_key TO mergelane_app;

REVOKE ALL ON FUNCTION public.find_valid_keys(digests bytea[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.find_valid_keys(digests bytea[]) TO mergelane_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.queue_control TO mergelane_app;

REVOKE ALL ON FUNCTION public.next_job_due_at() FROM PUBLIC;
GRANT ALL ON FUNCTION public.next_job_due_at() TO mergelane_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.webhook TO mergelane_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.webhook_delivery TO mergelane_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.webhook_watch TO mergelane_app;

REVOKE ALL ON FUNCTION public.next_webhook_work_at() FROM PUBLIC;
GRANT ALL ON FUNCTION public.next_webhook_work_at() TO mergelane_app;

REVOKE ALL ON FUNCTION public.paused_workspaces() FROM PUBLIC;
GRANT ALL ON FUNCTION public.paused_workspaces() TO mergelane_app;

REVOKE ALL ON FUNCTION public.prune_audit_entries(workspace_id integer, before uuid, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.prune_audit_entries(workspace_id integer, before uuid, most integer) TO mergelane_app;

REVOKE ALL ON FUNCTION public.prune_batches(workspace_id integer, before uuid, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.prune_batches(workspace_id integer, before uuid, most integer) TO mergelane_app;

REVOKE ALL ON FUNCTION public.prune_old_audit_entries(workspace_id integer, age interval, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.prune_old_audit_entries(workspace_id integer, age interval, most integer) TO mergelane_app;

GRANT SELECT,INSERT ON TABLE public.batch TO mergelane_app;

GRANT UPDATE(run_state) ON TABLE public.batch TO mergelane_app;

GRANT UPDATE(run_counts) ON TABLE public.batch TO mergelane_app;

REVOKE ALL ON FUNCTION public.prune_old_batches(workspace_id integer, age interval, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.prune_old_batches(workspace_id integer, age interval, most integer) TO mergelane_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.run TO mergelane_app;

REVOKE ALL ON FUNCTION public.prune_old_runs(workspace_id integer, age interval, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.prune_old_runs(workspace_id integer, age interval, most integer) TO mergelane_app;

REVOKE ALL ON FUNCTION public.publishable_workspaces_from(floors jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION public.publishable_workspaces_from(floors jsonb) TO mergelane_app;

REVOKE ALL ON FUNCTION public.publishable_workspaces() FROM PUBLIC;
GRANT ALL ON FUNCTION public.publishable_workspaces() TO mergelane_app;

REVOKE ALL ON FUNCTION public.renew_key_digest(digest bytea, pepper text, older bytea[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.renew_key_digest(digest bytea, pepper text, older bytea[]) TO mergelane_app;

REVOKE ALL ON FUNCTION public.renew_statistics(relation regclass) FROM PUBLIC;
GRANT ALL ON FUNCTION public.renew_statistics(relation regclass) TO mergelane_app;

REVOKE ALL ON FUNCTION public.save_key_use(workspace_id integer, key_id uuid, interval_s double precision) FROM PUBLIC;
GRANT ALL ON FUNCTION public.save_key_use(workspace_id integer, key_id uuid, interval_s double precision) TO mergelane_app;

GRANT SELECT,UPDATE ON TABLE public.key_recomputation TO mergelane_app;

REVOKE ALL ON FUNCTION public.workspaces_to_recompute() FROM PUBLIC;
GRANT ALL ON FUNCTION public.workspaces_to_recompute() TO mergelane_app;

REVOKE ALL ON FUNCTION public.workspaces_to_rescue() FROM PUBLIC;
GRANT ALL ON FUNCTION public.workspaces_to_rescue() TO mergelane_app;

GRANT SELECT,INSERT,DELETE ON TABLE public.job_minute TO mergelane_app;

REVOKE ALL ON FUNCTION public.workspaces_to_sum(until timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION public.workspaces_to_sum(until timestamp with time zone) TO mergelane_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.queue_cancellation TO mergelane_app;

REVOKE ALL ON FUNCTION public.workspaces_with_cancellations() FROM PUBLIC;
GRANT ALL ON FUNCTION public.workspaces_with_cancellations() TO mergelane_app;

REVOKE ALL ON FUNCTION public.workspaces_with_due_deliveries() FROM PUBLIC;
GRANT ALL ON FUNCTION public.workspaces_with_due_deliveries() TO mergelane_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.duplicate_policy TO mergelane_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.duplicate_run TO mergelane_app;

REVOKE ALL ON FUNCTION public.workspaces_with_duplicates_to_merge() FROM PUBLIC;
GRANT ALL ON FUNCTION public.workspaces_with_duplicates_to_merge() TO mergelane_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.erasure TO mergelane_app;

REVOKE ALL ON FUNCTION public.workspaces_with_erasures() FROM PUBLIC;
GRANT ALL ON FUNCTION public.workspaces_with_erasures() TO mergelane_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.identity_feed TO mergelane_app;

REVOKE ALL ON FUNCTION public.workspaces_with_identity_changes() FROM PUBLIC;
GRANT ALL ON FUNCTION public.workspaces_with_identity_changes() TO mergelane_app;

REVOKE ALL ON FUNCTION public.workspaces_with_pending_jobs() FROM PUBLIC;
GRANT ALL ON FUNCTION public.workspaces_with_pending_jobs() TO mergelane_app;

REVOKE ALL ON FUNCTION public.workspaces_with_published_jobs() FROM PUBLIC;
GRANT ALL ON FUNCTION public.workspaces_with_published_jobs() TO mergelane_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.run_pause TO mergelane_app;

REVOKE ALL ON FUNCTION public.workspaces_with_runs() FROM PUBLIC;
GRANT ALL ON FUNCTION public.workspaces_with_runs() TO mergelane_app;

GRANT SELECT ON TABLE public.alembic_version TO mergelane_app;

GRANT SELECT,INSERT,DELETE ON TABLE public.custom_event TO mergelane_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.deprecated_external_id TO mergelane_app;

GRANT SELECT,INSERT,DELETE ON TABLE public.duplicate_exclusion TO mergelane_app;

GRANT SELECT,INSERT,DELETE ON TABLE public.engagement TO mergelane_app;

GRANT SELECT,INSERT,DELETE ON TABLE public.failed_attempt TO mergelane_app;

GRANT SELECT,INSERT,DELETE ON TABLE public.former_name TO mergelane_app;

GRANT SELECT ON TABLE public.held_lane TO mergelane_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.idempotency TO mergelane_app;

GRANT SELECT,INSERT ON TABLE public.identify_record TO mergelane_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.identity_change TO mergelane_app;

GRANT SELECT ON TABLE public.installation TO mergelane_app;

GRANT SELECT,INSERT,DELETE ON TABLE public.job_hour TO mergelane_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.key_change TO mergelane_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.origin TO mergelane_app;

GRANT SELECT,INSERT,DELETE ON TABLE public.plan_job TO mergelane_app;

GRANT SELECT,INSERT,DELETE ON TABLE public.plan_update TO mergelane_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.process_heartbeat TO mergelane_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.profile TO mergelane_app;

GRANT SELECT,INSERT,DELETE ON TABLE public.purchase TO mergelane_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.push_token_report TO mergelane_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.redirect TO mergelane_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.run_progress TO mergelane_app;

GRANT SELECT,INSERT,DELETE ON TABLE public.run_undo_merge TO mergelane_app;

GRANT SELECT,INSERT,DELETE ON TABLE public.session TO mergelane_app;

GRANT SELECT,INSERT,DELETE ON TABLE public.sign_in TO mergelane_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.user_alias TO mergelane_app;

GRANT SELECT ON TABLE public.workspace_home TO mergelane_app;

GRANT SELECT ON TABLE public.workspace_job TO mergelane_app;

GRANT SELECT ON TABLE public.workspace_move TO mergelane_app;

GRANT SELECT ON TABLE public.workspace_profile TO mergelane_app;
