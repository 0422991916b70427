-- The tables of a workspace, with the statements that copy, compare and delete its rows. PostgreSQL composes and quotes
-- them, so that a table that a migration adds is moved without code of its own.

-- name: list_tables
-- Lists the tables with a workspace_id, each after the tables that it references. Generated columns are not copied. Of
-- the identity feed only the last number is: the rest are transaction ids of one server. A bucket is a part of the rows.
WITH RECURSIVE listed AS (
    SELECT class.oid, class.relname::text AS name
    FROM pg_class AS class
    JOIN pg_attribute AS attribute ON attribute.attrelid = class.oid AND attribute.attname = 'workspace_id'
    WHERE class.relnamespace = 'public'::regnamespace AND class.relkind IN ('r', 'p') AND NOT class.relispartition
        AND class.relname NOT IN ('workspace', 'workspace_move')
),

reference AS (
    SELECT DISTINCT foreign_key.conrelid AS child, foreign_key.confrelid AS parent
    FROM pg_constraint AS foreign_key
    JOIN listed ON listed.oid = foreign_key.confrelid
    WHERE foreign_key.contype = 'f' AND foreign_key.conrelid <> foreign_key.confrelid
),

depth AS (
    SELECT listed.oid, 0 AS place
    FROM listed
    UNION
    SELECT reference.child, depth.place + 1
    FROM depth
    JOIN reference ON reference.parent = depth.oid
    WHERE depth.place < 20
),

key_column AS (
    SELECT key.conrelid AS oid, attribute.attname::text AS name, member.place
    FROM pg_constraint AS key
    CROSS JOIN unnest(key.conkey) WITH ORDINALITY AS member (number, place)
    JOIN pg_attribute AS attribute ON attribute.attrelid = key.conrelid AND attribute.attnum = member.number
    WHERE key.contype = 'p'
),

copied_column AS (
    SELECT listed.oid, attribute.attname::text AS name, key_column.name IS NOT NULL AS is_key
    FROM listed
    JOIN pg_attribute AS attribute ON attribute.attrelid = listed.oid
    LEFT JOIN key_column ON key_column.oid = listed.oid AND key_column.name = attribute.attname
    WHERE attribute.attnum > 0 AND NOT attribute.attisdropped AND attribute.attgenerated = ''
        AND (listed.name <> 'identity_feed' OR attribute.attname IN ('workspace_id', 'last_number'))
),

described AS (
    SELECT
        listed.oid, listed.name, quote_ident(listed.name) AS "table",
        'pg_temp.' || quote_ident('moved_' || listed.name) AS moved,
        (SELECT max(depth.place) FROM depth WHERE depth.oid = listed.oid) AS place,
        EXISTS (SELECT 1 FROM reference WHERE reference.parent = listed.oid) AS is_referenced,
        (
            SELECT string_agg(quote_ident(c.name), ', ' ORDER BY c.name) FROM copied_column AS c WHERE c.oid = listed.oid
        ) AS columns,
        (
            SELECT string_agg('m.' || quote_ident(c.name), ', ' ORDER BY c.name)
            FROM copied_column AS c
            WHERE c.oid = listed.oid
        ) AS moved_columns,
        (
            SELECT string_agg('t.' || quote_ident(c.name), ', ' ORDER BY c.name)
            FROM copied_column AS c
            WHERE c.oid = listed.oid
        ) AS own_columns,
        (
            SELECT string_agg(format('%%I = m.%%I', c.name, c.name), ', ' ORDER BY c.name)
            FROM copied_column AS c
            WHERE c.oid = listed.oid AND NOT c.is_key
        ) AS assignments,
        (
            SELECT string_agg('t.' || quote_ident(k.name), ', ' ORDER BY k.place) FROM key_column AS k WHERE k.oid = listed.oid
        ) AS own_key,
        (
            SELECT string_agg(format('m.%%I = t.%%I', k.name, k.name), ' AND ' ORDER BY k.place)
            FROM key_column AS k
            WHERE k.oid = listed.oid
        ) AS same_key
    FROM listed
),

prepared AS (
    SELECT
        d.name, d.place, d.is_referenced, d."table", d.moved, d.columns, d.moved_columns, d.own_columns, d.assignments,
        d.same_key,
        format(
            '(''x'' || left(md5(ROW(%%s)::text), 8))::bit(32)::integer & %%s', d.own_key, %(buckets)s::integer - 1
        ) AS bucket
    FROM described AS d
)

SELECT
    p.name, p.is_referenced,
    format(
        'SELECT bucket, count(*) AS found, sum((''x'' || left(md5(content), 16))::bit(64)::bigint) AS digest'
        ' FROM (SELECT %%s AS bucket, ROW(%%s)::text AS content FROM %%s AS t WHERE t.workspace_id = $1) AS content'
        ' GROUP BY bucket',
        p.bucket, p.own_columns, p."table"
    ) AS digests,
    format(
        'COPY (SELECT %%s FROM %%s AS t WHERE t.workspace_id = %%s AND %%s = ANY(%%s)) TO STDOUT (FORMAT binary)',
        p.own_columns, p."table", %(workspace_id)s::integer, p.bucket, '{buckets}'
    ) AS copy_out,
    format('COPY %%s (%%s) FROM STDIN (FORMAT binary)', p."table", p.columns) AS copy_in,
    format('DELETE FROM %%s AS t WHERE t.workspace_id = $1 AND %%s = ANY($2::integer[])', p."table", p.bucket) AS delete_buckets,
    format('CREATE TEMPORARY TABLE %%s (LIKE %%s)', p.moved, p."table") AS create_moved,
    format('COPY %%s (%%s) FROM STDIN (FORMAT binary)', p.moved, p.columns) AS copy_moved,
    format('DROP TABLE IF EXISTS %%s', p.moved) AS drop_moved,
    format(
        'DELETE FROM %%s AS t WHERE t.workspace_id = $1 AND %%s = ANY($2::integer[])'
        ' AND NOT EXISTS (SELECT 1 FROM %%s AS m WHERE %%s)',
        p."table", p.bucket, p.moved, p.same_key
    ) AS delete_gone,
    -- Two profiles may have exchanged an external_id, which is unique.
    CASE p.name WHEN 'profile' THEN format(
        'UPDATE %%s AS t SET external_id = NULL FROM %%s AS m WHERE t.workspace_id = $1 AND %%s'
        ' AND t.external_id IS DISTINCT FROM m.external_id',
        p."table", p.moved, p.same_key
    ) END AS free_names,
    format(
        'UPDATE %%s AS t SET %%s FROM %%s AS m WHERE t.workspace_id = $1 AND %%s'
        ' AND ROW(%%s)::text IS DISTINCT FROM ROW(%%s)::text',
        p."table", p.assignments, p.moved, p.same_key, p.own_columns, p.moved_columns
    ) AS update_changed,
    format(
        'INSERT INTO %%s (%%s) OVERRIDING SYSTEM VALUE SELECT %%s FROM %%s AS m'
        ' WHERE NOT EXISTS (SELECT 1 FROM %%s AS t WHERE %%s)',
        p."table", p.columns, p.moved_columns, p.moved, p."table", p.same_key
    ) AS insert_new,
    format(
        'CREATE OR REPLACE TRIGGER closed_%%1$s_change BEFORE INSERT OR UPDATE ON %%2$s FOR EACH ROW'
        ' WHEN (NEW.workspace_id = %%1$s) EXECUTE FUNCTION protect_closed_workspace();'
        ' CREATE OR REPLACE TRIGGER closed_%%1$s_delete BEFORE DELETE ON %%2$s FOR EACH ROW'
        ' WHEN (OLD.workspace_id = %%1$s) EXECUTE FUNCTION protect_closed_workspace()',
        %(workspace_id)s::integer, p."table"
    ) AS protect,
    format(
        'DROP TRIGGER IF EXISTS closed_%%1$s_change ON %%2$s; DROP TRIGGER IF EXISTS closed_%%1$s_delete ON %%2$s',
        %(workspace_id)s::integer, p."table"
    ) AS unprotect,
    format('DELETE FROM %%s WHERE workspace_id = $1', p."table") AS delete_all
FROM prepared AS p
ORDER BY p.place, p.name

-- name: list_sequences
-- Lists the sequences of identity columns with the last value of each.
SELECT
    format('%I.%I', sequence.schemaname, sequence.sequencename) AS name, coalesce(sequence.last_value, 0) AS last_value
FROM pg_sequences AS sequence
WHERE sequence.schemaname = 'public' AND sequence.sequencename <> 'workspace_workspace_id_seq'

-- name: raise_sequence
-- Sets a sequence.
SELECT setval(%(name)s::regclass, %(value)s::bigint) AS value
