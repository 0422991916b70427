-- Keys that expire, and under which secret ("pepper") each digest was keyed.
ALTER TABLE api_key
    ADD COLUMN expires_at timestamptz,  -- null: never
    ADD COLUMN pepper text NOT NULL DEFAULT '';  -- the fingerprint of that secret; empty when there was none
