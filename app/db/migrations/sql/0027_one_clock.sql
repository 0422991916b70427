-- Ages and due times by PostgreSQL's clock: what is due at once stays due when the clock steps back, and indexes find old
-- audit entries and deliveries.

SET lock_timeout = '4s';
ALTER TABLE job ALTER COLUMN due_at SET DEFAULT now() - interval '100 years';
ALTER TABLE webhook_delivery ALTER COLUMN due_at SET DEFAULT now() - interval '100 years';
SET lock_timeout = 0;

DROP INDEX CONCURRENTLY IF EXISTS audit_entry_age;
CREATE INDEX CONCURRENTLY audit_entry_age ON audit_entry (workspace_id, at);
DROP INDEX CONCURRENTLY IF EXISTS webhook_delivery_age;
CREATE INDEX CONCURRENTLY webhook_delivery_age ON webhook_delivery (workspace_id, created_at);
