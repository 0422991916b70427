-- The triggers that wake a sleeping relay or sender. They write nothing, so old code works with them. The functions that
-- they need are those of wakeups.sql.

CREATE OR REPLACE FUNCTION notify_sleeper() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM pg_notify(TG_ARGV[0], '');
    RETURN NULL;
END;
$$;

-- Harmless: the triggers only notify.
CREATE OR REPLACE TRIGGER wake_relay AFTER INSERT OR UPDATE OF due_at, lane ON job FOR EACH STATEMENT
    WHEN (NOT pg_try_advisory_xact_lock_shared(1835823980, 'job'::regclass::oid::integer))
    EXECUTE FUNCTION notify_sleeper('mergelane_job');
-- Harmless: as above.
CREATE OR REPLACE TRIGGER wake_sender AFTER INSERT OR UPDATE OF since ON webhook_watch FOR EACH ROW
    WHEN (NOT pg_try_advisory_xact_lock_shared(1835823980, 'webhook_watch'::regclass::oid::integer))
    EXECUTE FUNCTION notify_sleeper('mergelane_webhook_watch');
-- Harmless: as above.
CREATE OR REPLACE TRIGGER wake_sender AFTER INSERT OR UPDATE OF due_at ON webhook_delivery FOR EACH STATEMENT
    WHEN (NOT pg_try_advisory_xact_lock_shared(1835823980, 'webhook_delivery'::regclass::oid::integer))
    EXECUTE FUNCTION notify_sleeper('mergelane_webhook_delivery');
-- Harmless: as above.
CREATE OR REPLACE TRIGGER wake_sender AFTER UPDATE OF enabled ON webhook FOR EACH STATEMENT
    WHEN (NOT pg_try_advisory_xact_lock_shared(1835823980, 'webhook_delivery'::regclass::oid::integer))
    EXECUTE FUNCTION notify_sleeper('mergelane_webhook_delivery');
