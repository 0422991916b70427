-- name: make_functions
-- Creates the functions for profiles and for the requests that merge them: every value depends on a number.
CREATE FUNCTION bench_time(n bigint, salt bigint) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT to_char(
        timestamp '2026-04-01' + make_interval(secs => (n * 7919 + salt * 104729) % 12960000),
        'YYYY-MM-DD"T"HH24:MI:SS".000Z"'
    )
$$;
CREATE FUNCTION bench_email(n bigint) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT 'ada.lovelace' || n || '@example.com'
$$;
CREATE FUNCTION bench_survivor(n bigint) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('external_id', 'customer-' || n)
$$;
-- Of ten orphans six are named by external_id, two by alias, and two by an email address that the survivor has too.
CREATE FUNCTION bench_orphan(n bigint) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN n % 10 < 6 THEN jsonb_build_object('external_id', 'guest-' || n)
        WHEN n % 10 < 8 THEN jsonb_build_object(
            'user_alias', jsonb_build_object('alias_label', 'device', 'alias_name', 'device-' || n)
        )
        ELSE jsonb_build_object(
            'email', bench_email(n), 'prioritization', jsonb_build_array('unidentified', 'most_recently_updated')
        )
    END
$$

-- name: plant_profiles
-- Writes the survivors (role 0) or the orphans (role 1) of pairs: realistic people with summaries. All may share one
-- email address.
INSERT INTO profile (
    workspace_id, id, braze_id, external_id, created_at, updated_at, random_bucket,
    first_name, last_name, gender, dob, home_city, country, language, time_zone,
    email, email_key, email_subscription, phone, phone_e164,
    push_tokens, devices, subscription_groups, session_count, first_session_at, last_session_at, apps,
    custom_attributes, custom_events, purchases, purchase_count, revenue_cents, first_purchase_at, last_purchase_at,
    campaigns_received, last_interactions
)
SELECT
    %(workspace_id)s,
    %(first_id)s + n,
    substr(md5(%(role)s || '-' || n), 1, 24),
    CASE WHEN %(role)s = 0 THEN 'customer-' || n WHEN n %% 10 < 6 THEN 'guest-' || n END,
    timestamptz '2026-01-01' + make_interval(secs => n %% 7776000),
    timestamptz '2026-04-01' + make_interval(secs => (n * 7919) %% 12960000),
    (n * 31 + %(role)s) %% 10000,
    CASE WHEN (n + %(role)s) %% 4 > 0 THEN (ARRAY['Ada', 'Grace', 'Alan', 'Edsger', 'Barbara'])[1 + n %% 5] END,
    CASE WHEN (n + %(role)s) %% 3 > 0 THEN 'Lovelace' END,
    CASE WHEN (n + %(role)s) %% 5 > 1 THEN (ARRAY['F', 'M'])[1 + n %% 2] END,
    CASE WHEN (n + %(role)s) %% 3 > 0 THEN date '1950-01-01' + (n %% 20000)::integer END,
    CASE WHEN (n + %(role)s) %% 4 > 0 THEN (ARRAY['London', 'Lyon', 'Leeds', 'Lagos'])[1 + n %% 4] END,
    (ARRAY['GB', 'FR', 'US', 'NG'])[1 + n %% 4],
    (ARRAY['en', 'fr'])[1 + n %% 2],
    CASE WHEN (n + %(role)s) %% 2 > 0 THEN 'Europe/London' END,
    coalesce(%(email)s, bench_email(n)),
    coalesce(%(email)s, bench_email(n)),
    CASE WHEN (n + %(role)s) %% 3 = 0 THEN jsonb_build_object('state', 'opted_in', 'opted_in_at', bench_time(n, 1)) END,
    CASE WHEN n %% 3 > 0 THEN '+44207' || lpad(((2 * n + %(role)s) %% 10000000)::text, 7, '0') END,
    CASE WHEN n %% 3 > 0 THEN '+44207' || lpad(((2 * n + %(role)s) %% 10000000)::text, 7, '0') END,
    jsonb_build_object(
        'app-ios:' || md5('token' || (2 * n + %(role)s)),
        jsonb_build_object('app', 'app-ios', 'token', md5('token' || (2 * n + %(role)s)), 'platform', 'ios')
    ),
    jsonb_build_object(
        'device-' || (2 * n + %(role)s),
        jsonb_build_object('device_id', 'device-' || (2 * n + %(role)s), 'model', 'iPhone 15', 'os', 'iOS 18.1')
    ),
    jsonb_build_object('group-news', CASE WHEN n %% 2 = 0 THEN 'subscribed' ELSE 'unsubscribed' END),
    1 + n %% 40,
    timestamptz '2026-02-01' + make_interval(secs => n %% 2000000),
    timestamptz '2026-08-01' + make_interval(secs => n %% 2000000),
    jsonb_build_object(
        'app-ios', jsonb_build_object(
            'sessions', 1 + n %% 40, 'first_used', bench_time(n, 2), 'last_used', bench_time(n, 3),
            'name', 'Shop', 'platform', 'iOS', 'version', '5.4.1'
        )
    ),
    jsonb_strip_nulls(jsonb_build_object(
        'plan', (ARRAY['free', 'plus', 'pro'])[1 + n %% 3],
        'loyalty_points', (n * 17) %% 5000,
        'favourite_colour', CASE WHEN (n + %(role)s) %% 2 > 0 THEN 'teal' END,
        'newsletter', n %% 2 = 0,
        'shoe_size', 36 + n %% 12,
        'store', 'store-' || n %% 200,
        'referrer', CASE WHEN (n + %(role)s) %% 3 > 0 THEN 'campaign-' || n %% 50 END,
        'last_search', 'blue shoes ' || n %% 1000,
        'address', jsonb_build_object('city', 'London', 'street', n %% 300 || ' Analytical Row', 'verified', true),
        'tags', jsonb_build_array('a' || n %% 9, 'b' || n %% 7),
        'signup_source', CASE WHEN %(role)s = 0 THEN 'web' ELSE 'app' END
    )),
    jsonb_build_object(
        'viewed_product', jsonb_build_object('count', 3 + n %% 90, 'first', bench_time(n, 4), 'last', bench_time(n, 5)),
        'added_to_cart', jsonb_build_object('count', 1 + n %% 20, 'first', bench_time(n, 6), 'last', bench_time(n, 7)),
        'searched', jsonb_build_object('count', 1 + n %% 30, 'first', bench_time(n, 8), 'last', bench_time(n, 9))
    ),
    jsonb_build_object(
        'product-' || n %% 500,
        jsonb_build_object('count', 1 + n %% 3, 'first', bench_time(n, 10), 'last', bench_time(n, 11)),
        'product-' || 500 + n %% 300,
        jsonb_build_object('count', 1, 'first', bench_time(n, 12), 'last', bench_time(n, 13))
    ),
    2 + n %% 3,
    1000 + n %% 20000,
    timestamptz '2026-03-01' + make_interval(secs => n %% 2000000),
    timestamptz '2026-09-01' + make_interval(secs => n %% 2000000),
    jsonb_build_object(
        'campaign-' || n %% 50, jsonb_build_object('name', 'Welcome', 'last_received', bench_time(n, 14))
    ),
    jsonb_build_object('last_received_at', bench_time(n, 14))
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n

-- name: plant_aliases
-- Writes the aliases of orphans that requests name by alias, and of some others.
INSERT INTO user_alias (workspace_id, label, name, profile_id)
SELECT %(workspace_id)s, 'device', 'device-' || n, %(first_id)s + n
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
WHERE n %% 10 BETWEEN 5 AND 7

-- name: plant_events
-- Writes the history of one profile: many events with one name, in the order of time.
INSERT INTO custom_event (workspace_id, origin_id, name, occurred_at, properties)
SELECT
    %(workspace_id)s, %(origin_id)s, 'viewed_product', timestamptz '2026-01-01' + make_interval(secs => k * 20),
    jsonb_build_object('product', 'product-' || k %% 500)
FROM generate_series(1, %(count)s) AS k

-- name: settle_ids
-- Sets the sequence to the last id.
SELECT setval(pg_get_serial_sequence('profile', 'id'), (SELECT max(id) FROM profile))

-- name: list_pairs
-- Lists the identifiers of the pairs first to last in the order of requests.
SELECT bench_orphan(k * %(stride)s %% %(pairs)s) AS orphan, bench_survivor(k * %(stride)s %% %(pairs)s) AS survivor
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS k
ORDER BY k

-- name: plant_backlog
-- Writes the requests for the pairs first to last directly into the ledger, in batches of *size*. Published jobs are
-- ready for a worker, the others for the relay.
WITH pair AS MATERIALIZED (
    SELECT
        k, (k - %(first)s) / %(size)s AS batch, (k - %(first)s) %% %(size)s AS index,
        k * %(stride)s %% %(pairs)s AS n
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS k
), given AS MATERIALIZED (
    SELECT batch, uuidv7() AS id FROM (SELECT DISTINCT batch FROM pair ORDER BY batch) AS each
), batches AS (
    INSERT INTO batch (workspace_id, id, path)
    SELECT %(workspace_id)s, id, '/users/merge' FROM given ORDER BY batch
)

INSERT INTO job (
    workspace_id, id, batch_id, index, kind, lane, orphan_identifier, survivor_identifier, search_keys, published_at
)
SELECT
    %(workspace_id)s, uuidv7(), given.id, pair.index, 'merge', pair.index,
    bench_orphan(pair.n), bench_survivor(pair.n),
    ARRAY[
        coalesce(
            bench_orphan(pair.n) ->> 'external_id', bench_orphan(pair.n) ->> 'email',
            bench_orphan(pair.n) -> 'user_alias' ->> 'alias_name'
        ),
        bench_survivor(pair.n) ->> 'external_id'
    ],
    CASE WHEN %(published)s THEN clock_timestamp() END
FROM pair
JOIN given USING (batch)
ORDER BY pair.k

-- name: plant_job
-- Writes a request for one merge directly into the ledger, ready for a worker.
WITH one AS (
    INSERT INTO batch (workspace_id, id, path) VALUES (%(workspace_id)s, %(batch_id)s, '/users/merge')
)

INSERT INTO job (
    workspace_id, id, batch_id, index, kind, lane, orphan_identifier, survivor_identifier, search_keys, published_at
)
VALUES (
    %(workspace_id)s, %(id)s, %(batch_id)s, 0, 'merge', 0, %(orphan)s, %(survivor)s, '{}', clock_timestamp()
)

-- name: count_unfinished
-- Returns whether a job is unfinished.
SELECT EXISTS (
    SELECT 1 FROM job WHERE workspace_id = %(workspace_id)s AND state IN ('queued', 'running')
) AS unfinished

-- name: is_batch_finished
-- Returns whether all jobs of a batch are finished.
SELECT NOT EXISTS (
    SELECT
    FROM job
    WHERE workspace_id = %(workspace_id)s AND batch_id = %(batch_id)s AND (state IN ('queued', 'running')) IS TRUE
) AS finished

-- name: count_outcomes
-- Counts the jobs by outcome, and returns the end of the last job of each outcome.
SELECT
    coalesce(outcome, state) AS outcome, count(*) AS jobs,
    extract(epoch FROM max(finished_at))::float8 AS last_at
FROM job
WHERE workspace_id = %(workspace_id)s
GROUP BY coalesce(outcome, state)

-- name: count_finished
-- Counts the finished jobs.
SELECT count(*) AS jobs FROM job WHERE workspace_id = %(workspace_id)s AND state = 'finished'

-- name: nth_finished_at
-- Returns the end of the nth job that finished after a given time, both in seconds since 1970.
SELECT extract(epoch FROM finished_at)::float8 AS at
FROM job
WHERE workspace_id = %(workspace_id)s AND finished_at >= to_timestamp(%(began)s)
ORDER BY finished_at
OFFSET %(before_it)s
LIMIT 1

-- name: finished_by_slice
-- Counts the merges by slices of time since a given time, both in seconds.
SELECT floor((extract(EPOCH FROM finished_at) - %(began)s) / %(slice_s)s)::integer AS slice, count(*) AS merges
FROM job
WHERE workspace_id = %(workspace_id)s AND outcome = 'merged' AND finished_at >= to_timestamp(%(began)s)
GROUP BY slice
ORDER BY slice

-- name: read_versions
-- Reads the live and dead versions of each table, its updates, and how many of them were HOT.
SELECT
    relname AS name, n_live_tup AS live, n_dead_tup AS dead, n_tup_upd AS updated, n_tup_hot_upd AS hot
FROM pg_stat_user_tables
WHERE n_tup_upd + n_dead_tup > 0
ORDER BY relname

-- name: take_stock
-- Returns the sums over all profiles that no merge may change, and the counts of the rows that each merge must write.
SELECT
    (SELECT count(*) FROM profile) AS profiles,
    (SELECT sum(session_count)::bigint FROM profile) AS sessions,
    (SELECT sum(purchase_count)::bigint FROM profile) AS purchases,
    (SELECT sum(revenue_cents)::bigint FROM profile) AS cents,
    (SELECT count(*) FROM redirect) AS redirects,
    (SELECT count(*) FROM origin) AS origins,
    (SELECT count(*) FROM merge_record) AS records,
    (SELECT count(*) FROM user_alias) AS aliases

-- name: drop_waiting
-- Deletes the unfinished jobs; their batches stay.
DELETE FROM job WHERE workspace_id = %(workspace_id)s AND state IN ('queued', 'running')

-- name: wal_place
-- Returns the position of the WAL.
SELECT pg_current_wal_insert_lsn() - '0/0' AS wal, pg_current_wal_insert_lsn()::text AS position

-- name: count_messages
-- Counts the tasks under which jobs were published.
SELECT count(DISTINCT task_id) AS messages FROM job WHERE workspace_id = %(workspace_id)s

-- name: list_files
-- Lists the files of all tables and indexes of the product, with their TOAST tables.
SELECT
    (SELECT oid FROM pg_database WHERE datname = current_database()) AS database,
    pg_relation_filenode(relation.oid) AS file,
    coalesce(main.relname || ' (stored apart)', relation.relname) AS name
FROM pg_class AS relation
LEFT JOIN pg_class AS main ON main.reltoastrelid = relation.oid
WHERE coalesce(main.relnamespace, relation.relnamespace) = 'public'::regnamespace AND relation.relkind IN ('r', 'i', 't')

-- name: drop_devices
-- Removes devices and push tokens from all profiles.
UPDATE profile SET devices = '{}', push_tokens = '{}' WHERE workspace_id = %(workspace_id)s
