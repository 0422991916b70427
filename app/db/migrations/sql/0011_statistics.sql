-- Statistics that keep up with tables that grow fast.

-- PostgreSQL counts a table anew when autovacuum comes round, once a minute at most. What it knew of an empty table is
-- wrong by a hundred thousand rows by then: it takes any index that begins with the workspace for as good as the right
-- one, and the plans that processes keep read the whole table for each row that they look up. So the relay asks for it
-- as soon as a table has more than doubled. It works under a role that may not analyze; this runs as the owner.
CREATE FUNCTION analyze_outgrown_tables(least_rows bigint) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- Those of the schema that this function stands in.
    outgrown record;
    analyzed integer := 0;
BEGIN
    FOR outgrown IN
        SELECT stat.schemaname, stat.relname
        FROM pg_stat_user_tables AS stat
        JOIN pg_class AS class ON class.oid = stat.relid
        JOIN pg_proc AS this ON this.pronamespace = class.relnamespace AND this.proname = 'analyze_outgrown_tables'
        WHERE stat.n_mod_since_analyze > least_rows + greatest(class.reltuples, 0)
    LOOP
        -- Whoever analyzes or vacuums it at the moment does this job as well.
        EXECUTE format('ANALYZE (SKIP_LOCKED) %I.%I', outgrown.schemaname, outgrown.relname);
        analyzed := analyzed + 1;
    END LOOP;
    RETURN analyzed;
END;
$$;

REVOKE ALL ON FUNCTION analyze_outgrown_tables(bigint) FROM PUBLIC;
