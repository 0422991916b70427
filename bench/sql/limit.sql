-- name: make_limit
-- Creates the table of pairs with resolved identifiers, and the procedures that merge fifty pairs at a time and write
-- the rows of the product. They leave out work that a product needs: reading requests, resolution, rules as data, the
-- list of changes, delivery and responses.
CREATE TABLE bench_pair (
    k bigint PRIMARY KEY,
    orphan_id bigint NOT NULL,
    survivor_id bigint NOT NULL,
    orphan_identifier jsonb NOT NULL,
    survivor_identifier jsonb NOT NULL,
    search_keys text[] NOT NULL
);

-- Combines the entries of both sides: adds the counts, and takes the earliest first and the latest last time. Times are
-- ISO 8601 of equal length, so they sort as text.
CREATE FUNCTION bench_combine(
    ours jsonb, theirs jsonb, counted text, first text, last text
) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT ours || coalesce(jsonb_object_agg(
        key,
        CASE
            WHEN ours ? key THEN value || (ours -> key) || jsonb_build_object(
                counted, (ours -> key -> counted)::bigint + (value -> counted)::bigint,
                first, least(ours -> key ->> first, value ->> first),
                last, greatest(ours -> key ->> last, value ->> last)
            )
            ELSE value
        END
    ), '{}')
    FROM jsonb_each(theirs)
$$;

-- The later time of each key.
CREATE FUNCTION bench_latest(ours jsonb, theirs jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT ours || coalesce(jsonb_object_agg(key, greatest(ours ->> key, value)), '{}') FROM jsonb_each_text(theirs)
$$;

-- Entries of campaigns of both sides: the later receipt.
CREATE FUNCTION bench_campaigns(ours jsonb, theirs jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT ours || coalesce(jsonb_object_agg(
        key,
        value || coalesce(ours -> key, '{}') || jsonb_build_object(
            'last_received', greatest(ours -> key ->> 'last_received', value ->> 'last_received')
        )
    ), '{}')
    FROM jsonb_each(theirs)
$$;

CREATE PROCEDURE bench_accept(workspace integer, batch_id uuid, ids uuid[], first bigint) LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO batch (workspace_id, id, path) VALUES (workspace, bench_accept.batch_id, '/users/merge');
    INSERT INTO job (
        workspace_id, id, batch_id, index, kind, lane, orphan_identifier, survivor_identifier, search_keys
    )
    SELECT
        workspace, each.id, bench_accept.batch_id, each.nth - 1, 'merge', each.nth - 1,
        pair.orphan_identifier, pair.survivor_identifier, pair.search_keys
    FROM unnest(ids) WITH ORDINALITY AS each (id, nth)
    JOIN bench_pair AS pair ON pair.k = bench_accept.first + each.nth - 1;
END
$$;

CREATE PROCEDURE bench_merge(workspace integer, ids uuid[], orphans bigint[], survivors bigint[]) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM profile
    WHERE workspace_id = workspace AND id = ANY(orphans || survivors)
    ORDER BY id
    FOR UPDATE;

    INSERT INTO merge_record (
        workspace_id, job_id, merged_at, orphan_id, survivor_id, orphan_before, survivor_before, origins, rules
    )
    SELECT
        workspace, pair.job_id, now(), orphan.id, survivor.id, row_to_json(orphan), row_to_json(survivor),
        ARRAY[orphan.id], 1
    FROM unnest(ids, orphans, survivors) AS pair (job_id, orphan_id, survivor_id)
    JOIN profile AS orphan ON orphan.workspace_id = workspace AND orphan.id = pair.orphan_id
    JOIN profile AS survivor ON survivor.workspace_id = workspace AND survivor.id = pair.survivor_id;

    UPDATE job
    SET
        state = 'finished', outcome = 'merged', reason = 'The profiles were merged.', attempts = 1,
        published_at = now(), started_at = now(), finished_at = now(),
        orphan_id = orphan.id, orphan_braze_id = orphan.braze_id, orphan_external_id = orphan.external_id,
        survivor_id = survivor.id, survivor_braze_id = survivor.braze_id, survivor_external_id = survivor.external_id
    FROM unnest(ids, orphans, survivors) AS pair (job_id, orphan_id, survivor_id)
    JOIN profile AS orphan ON orphan.workspace_id = workspace AND orphan.id = pair.orphan_id
    JOIN profile AS survivor ON survivor.workspace_id = workspace AND survivor.id = pair.survivor_id
    WHERE job.workspace_id = workspace AND job.id = pair.job_id;

    INSERT INTO redirect (workspace_id, orphan_id, survivor_id, braze_id, external_id, job_id, merged_at)
    SELECT workspace, orphan.id, pair.survivor_id, orphan.braze_id, orphan.external_id, pair.job_id, now()
    FROM unnest(ids, orphans, survivors) AS pair (job_id, orphan_id, survivor_id)
    JOIN profile AS orphan ON orphan.workspace_id = workspace AND orphan.id = pair.orphan_id;

    UPDATE user_alias
    SET profile_id = pair.survivor_id, origin_id = coalesce(user_alias.origin_id, user_alias.profile_id)
    FROM unnest(orphans, survivors) AS pair (orphan_id, survivor_id)
    WHERE user_alias.workspace_id = workspace AND user_alias.profile_id = pair.orphan_id;

    UPDATE origin
    SET profile_id = pair.survivor_id
    FROM unnest(orphans, survivors) AS pair (orphan_id, survivor_id)
    WHERE origin.workspace_id = workspace AND origin.profile_id = pair.orphan_id;

    INSERT INTO origin (workspace_id, origin_id, profile_id)
    SELECT workspace, pair.orphan_id, pair.survivor_id
    FROM unnest(orphans, survivors) AS pair (orphan_id, survivor_id);

    WITH orphan AS (
        DELETE FROM profile WHERE workspace_id = workspace AND id = ANY(orphans) RETURNING *
    )
    UPDATE profile AS survivor
    SET
        updated_at = now(),
        absorbed_on = (now() AT TIME ZONE 'utc')::date,
        absorbed_count = 1,
        first_name = coalesce(survivor.first_name, orphan.first_name),
        last_name = coalesce(survivor.last_name, orphan.last_name),
        gender = coalesce(survivor.gender, orphan.gender),
        dob = coalesce(survivor.dob, orphan.dob),
        home_city = coalesce(survivor.home_city, orphan.home_city),
        country = coalesce(survivor.country, orphan.country),
        language = coalesce(survivor.language, orphan.language),
        time_zone = coalesce(survivor.time_zone, orphan.time_zone),
        facebook = coalesce(survivor.facebook, orphan.facebook),
        twitter = coalesce(survivor.twitter, orphan.twitter),
        current_location = coalesce(survivor.current_location, orphan.current_location),
        test_user = survivor.test_user OR orphan.test_user,
        email_subscription = coalesce(survivor.email_subscription, orphan.email_subscription),
        phone = coalesce(survivor.phone, orphan.phone),
        phone_e164 = coalesce(survivor.phone_e164, orphan.phone_e164),
        push_subscription = coalesce(survivor.push_subscription, orphan.push_subscription),
        push_tokens = orphan.push_tokens || survivor.push_tokens,
        devices = orphan.devices || survivor.devices,
        subscription_groups = orphan.subscription_groups || survivor.subscription_groups,
        session_count = survivor.session_count + orphan.session_count,
        first_session_at = least(survivor.first_session_at, orphan.first_session_at),
        last_session_at = greatest(survivor.last_session_at, orphan.last_session_at),
        apps = bench_combine(survivor.apps, orphan.apps, 'sessions', 'first_used', 'last_used'),
        custom_attributes = orphan.custom_attributes || survivor.custom_attributes,
        custom_events = bench_combine(survivor.custom_events, orphan.custom_events, 'count', 'first', 'last'),
        purchases = bench_combine(survivor.purchases, orphan.purchases, 'count', 'first', 'last'),
        purchase_count = survivor.purchase_count + orphan.purchase_count,
        revenue_cents = survivor.revenue_cents + orphan.revenue_cents,
        first_purchase_at = least(survivor.first_purchase_at, orphan.first_purchase_at),
        last_purchase_at = greatest(survivor.last_purchase_at, orphan.last_purchase_at),
        campaigns_received = bench_campaigns(survivor.campaigns_received, orphan.campaigns_received),
        last_interactions = bench_latest(survivor.last_interactions, orphan.last_interactions)
    FROM unnest(orphans, survivors) AS pair (orphan_id, survivor_id)
    JOIN orphan ON orphan.id = pair.orphan_id
    WHERE survivor.workspace_id = workspace AND survivor.id = pair.survivor_id;
END
$$;

-- Merges *count* pairs from number *first* on, fifty at a time: accepted in one transaction, merged in the next.
CREATE PROCEDURE bench_run_limit(workspace integer, first bigint, count bigint) LANGUAGE plpgsql AS $$
DECLARE
    lane bigint;
    ids uuid[];
    orphans bigint[];
    survivors bigint[];
BEGIN
    FOR lane IN SELECT generate_series(first, first + count - 1, 50) LOOP
        SELECT array_agg(uuidv7() ORDER BY k), array_agg(orphan_id ORDER BY k), array_agg(survivor_id ORDER BY k)
        INTO ids, orphans, survivors
        FROM bench_pair
        WHERE k BETWEEN lane AND least(lane + 49, first + count - 1);
        CALL bench_accept(workspace, uuidv7(), ids, lane);
        COMMIT;
        CALL bench_merge(workspace, ids, orphans, survivors);
        COMMIT;
    END LOOP;
END
$$

-- name: plant_pairs
-- Writes the pairs 0 to *count* - 1 in the order of requests, with their profiles.
INSERT INTO bench_pair (k, orphan_id, survivor_id, orphan_identifier, survivor_identifier, search_keys)
SELECT
    k, %(orphan_room)s + n, %(survivor_room)s + n, orphan, survivor,
    ARRAY[
        coalesce(orphan ->> 'external_id', orphan ->> 'email', orphan -> 'user_alias' ->> 'alias_name'),
        survivor ->> 'external_id'
    ]
FROM (
    SELECT
        k, k * %(stride)s %% %(pairs)s AS n, bench_orphan(k * %(stride)s %% %(pairs)s) AS orphan,
        bench_survivor(k * %(stride)s %% %(pairs)s) AS survivor
    FROM generate_series(0, %(count)s::bigint - 1) AS k
) AS given

-- name: settle_plans
-- Prevents plans that scan or hash a table: the ledger is empty when the statements are planned, and grows.
SET enable_seqscan = off;
SET enable_hashjoin = off;
SET enable_mergejoin = off

-- name: run_limit
-- Merges *count* pairs from number *first* on, fifty in each transaction.
CALL bench_run_limit(%(workspace_id)s, %(first)s::bigint, %(count)s::bigint)
