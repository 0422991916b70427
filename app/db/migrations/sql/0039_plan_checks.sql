-- In a transaction of its own, so that the locks of revision 0038 do not last while the rows are read.
SET LOCAL statement_timeout = '1h';

ALTER TABLE audit_entry VALIDATE CONSTRAINT audit_entry_action_check;
ALTER TABLE batch VALIDATE CONSTRAINT source_is_known;
ALTER TABLE job VALIDATE CONSTRAINT job_outcome_check;

SET LOCAL statement_timeout = '1min';
