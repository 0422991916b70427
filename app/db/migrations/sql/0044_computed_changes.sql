-- Changes of merges are computed from the snapshots and the version of the rules. Older rows have no version and keep the
-- changes that they store.
ALTER TABLE merge_record
    ADD COLUMN rules smallint,  -- the version of the rules; null: the changes are stored
    ALTER COLUMN changes DROP NOT NULL;
