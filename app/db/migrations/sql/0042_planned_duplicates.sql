-- The plan of a run over duplicates that is planned.

ALTER TABLE duplicate_run ADD COLUMN plan_id uuid;  -- the plan that gets its merges instead of the ledger
-- Finds the run that made a plan.
CREATE UNIQUE INDEX duplicate_run_of_plan ON duplicate_run (workspace_id, plan_id) WHERE plan_id IS NOT NULL;
