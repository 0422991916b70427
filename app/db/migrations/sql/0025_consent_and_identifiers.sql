-- Tables and columns of revision 0025. New databases have them from the files of their subjects.
-- Indexes on tables that have rows are built by the next revision, outside a transaction.

-- The audit of consent that follows an address.
ALTER TABLE audit_entry ADD COLUMN source_braze_id text COLLATE "C", ADD COLUMN changes json;
-- Harmless: the next statement adds a check that allows more.
ALTER TABLE audit_entry DROP CONSTRAINT audit_entry_action_check;
-- Harmless: 'rename' is a value.
ALTER TABLE audit_entry ADD CONSTRAINT audit_entry_action_check
    CHECK (action IN ('delete', 'rename', 'remove', 'consent')) NOT VALID;
ALTER TABLE audit_entry VALIDATE CONSTRAINT audit_entry_action_check;
CREATE OR REPLACE TRIGGER protect_audit BEFORE UPDATE OR DELETE ON audit_entry FOR EACH ROW EXECUTE FUNCTION protect_audit(
    '{"external_id": null, "new_external_id": null, "changes": null}'
);
