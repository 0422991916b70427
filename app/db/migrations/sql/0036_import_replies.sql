-- Takes no longer than the lock: a column without a default changes no row.
ALTER TABLE idempotency ADD COLUMN reply bytea;
