-- Responses of requests with an Idempotency-Key that become no batch. Older code reads no row of their paths.

ALTER TABLE idempotency
    ADD COLUMN response bytea,
    ALTER COLUMN batch_id DROP NOT NULL;
