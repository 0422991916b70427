-- The last use of a key: web writes it at most once a minute.
ALTER TABLE api_key ADD COLUMN last_used_at timestamptz;  -- null: not used since this column exists
