-- Segments are found by index where their filters name what the anonymous-users use cases ask for.

-- A million rows are indexed in seconds, not in the minute that a migration has for a statement.
SET LOCAL statement_timeout = '1h';

-- Profiles without an external_id, in the order of segment pages. Identified profiles cost nothing here.
CREATE INDEX profile_unidentified ON profile (workspace_id, id) WHERE external_id IS NULL;

-- Custom attributes by equality. The workspace is the outermost key, as in every other index, so that a probe meets no
-- other workspace's rows. New entries wait in a short list, so that a merge does not pay for each attribute at once.
CREATE INDEX profile_custom_attributes ON profile
    USING gin (jsonb_set('{}', ARRAY[workspace_id::text], custom_attributes) jsonb_path_ops)
    WITH (gin_pending_list_limit = 1024);

-- History comes in about the order of time, so the last days of it are a range of blocks: almost free to keep.
CREATE INDEX custom_event_occurred ON custom_event USING brin (occurred_at) WITH (autosummarize = on);
CREATE INDEX purchase_occurred ON purchase USING brin (occurred_at) WITH (autosummarize = on);

SET LOCAL statement_timeout = '1min';
