-- In a transaction of its own, so that the lock of revision 0034 does not last while the rows are read.
SET LOCAL statement_timeout = '1h';

ALTER TABLE audit_entry VALIDATE CONSTRAINT audit_entry_action_check;
ALTER TABLE job VALIDATE CONSTRAINT job_outcome_check;
ALTER TABLE job VALIDATE CONSTRAINT priority_is_an_urgency;

SET LOCAL statement_timeout = '1min';
