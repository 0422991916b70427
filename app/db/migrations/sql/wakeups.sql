-- Wake-ups: a process without work sleeps, and a transaction that makes work for it sends a notification.
--
-- NOTIFY takes a lock at commit that is global to the server, so it is sent only to a process that sleeps. A sleeper
-- holds an exclusive advisory lock for its queue, which is a table. A transaction that makes work tries to share that
-- lock until it ends: if it fails, a process sleeps, and the transaction notifies it. If it succeeds, no process can
-- fall asleep before it has ended, and the last query before a sleep sees its work. So no wake-up is lost, and nothing
-- is written. The triggers that do this follow the tables. See docs/adr/0035-quiet-when-idle.md.

-- Sends the notification. The argument of the trigger is the channel.
CREATE OR REPLACE FUNCTION notify_sleeper() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM pg_notify(TG_ARGV[0], '');
    RETURN NULL;
END;
$$;

-- Announces that this session sleeps until *queue* has work. Returns 'holder' when it holds the lock from now on,
-- 'follower' when another session holds it, and 'awake' when a transaction runs that will not notify.
CREATE OR REPLACE FUNCTION begin_sleep(queue regclass) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
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

-- Ends the sleep of this session, which is the holder.
CREATE OR REPLACE FUNCTION end_sleep(queue regclass) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN pg_advisory_unlock(1835823980, queue::oid::integer);
END;
$$;
