-- Limits that a workspace has of its own, by bucket: {"users": "100000/60"}. The others are the installation's.
ALTER TABLE workspace
    ADD COLUMN rate_limits jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(rate_limits) = 'object');
