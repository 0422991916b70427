-- Tables and columns of revision 0025. New databases have them from the files of their subjects.
-- Indexes on tables that have rows are built by the next revision, outside a transaction.

-- The profile that reported a push token last. As in the history, a row keeps the id under which the token was
-- reported, and `origin` leads from there to the live profile, so that a merge writes nothing here. A token that no row
-- names belongs to the profiles that have it in push_tokens.
CREATE TABLE push_token_report (
    workspace_id integer NOT NULL REFERENCES workspace,
    token_digest bytea NOT NULL CHECK (octet_length(token_digest) = 32),  -- SHA-256 of the key in push_tokens
    origin_id bigint NOT NULL,
    former_origin_id bigint,  -- the one that had reported it before
    PRIMARY KEY (workspace_id, token_digest)
);
CREATE INDEX push_token_report_of_origin ON push_token_report (workspace_id, origin_id);

-- Harmless: the table is new, and no old code reads it.
ALTER TABLE push_token_report ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON push_token_report USING (workspace_id = current_workspace());
