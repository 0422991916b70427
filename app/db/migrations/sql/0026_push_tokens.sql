-- Fills push_token_report from the stored push tokens. Of several profiles with one token, the most recently updated has it.
-- No running code uses the table yet, and profiles are only read, so this blocks no other session.
SET LOCAL statement_timeout = '1h';

-- In a transaction of its own, so that the lock of revision 0025 does not last while the rows are read.
ALTER TABLE audit_entry VALIDATE CONSTRAINT audit_entry_action_check;

INSERT INTO push_token_report (workspace_id, token_digest, origin_id)
SELECT DISTINCT ON (profile.workspace_id, token.digest) profile.workspace_id, token.digest, profile.id
FROM profile
CROSS JOIN LATERAL (
    SELECT sha256(convert_to(key, 'UTF8')) AS digest
    FROM jsonb_object_keys(profile.push_tokens) AS key
) AS token
WHERE profile.push_tokens <> '{}'
ORDER BY profile.workspace_id, token.digest, profile.updated_at DESC, profile.id DESC
ON CONFLICT (workspace_id, token_digest) DO NOTHING;

SET LOCAL statement_timeout = '1min';
