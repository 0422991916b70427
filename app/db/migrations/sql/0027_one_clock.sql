-- Ages and due times by PostgreSQL's clock: indexes to delete old audit entries and deliveries by their age.

DROP INDEX CONCURRENTLY IF EXISTS audit_entry_age;
CREATE INDEX CONCURRENTLY audit_entry_age ON audit_entry (workspace_id, at);
DROP INDEX CONCURRENTLY IF EXISTS webhook_delivery_age;
CREATE INDEX CONCURRENTLY webhook_delivery_age ON webhook_delivery (workspace_id, created_at);
