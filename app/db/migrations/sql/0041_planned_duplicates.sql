-- Runs over duplicates that are planned: the run knows its plan, and the plan its run.

ALTER TABLE duplicate_run ADD COLUMN plan_id uuid;  -- the plan that gets its merges instead of the ledger
ALTER TABLE plan ADD COLUMN scan_id uuid;  -- the run over duplicates that makes its updates
