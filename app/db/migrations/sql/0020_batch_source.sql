-- A batch says who made it.

ALTER TABLE batch
    ADD COLUMN source text NOT NULL DEFAULT 'api',  -- who made it: a request, or a run over duplicates
    ADD COLUMN run_id uuid,  -- of the run, if one did
    -- Not validated: older batches are all of requests.
    ADD CONSTRAINT source_is_known CHECK (source IN ('api', 'duplicates')) NOT VALID,
    ADD CONSTRAINT run_of_duplicates CHECK ((source = 'duplicates') = (run_id IS NOT NULL)) NOT VALID;
