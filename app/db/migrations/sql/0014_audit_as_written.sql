-- The audit of a merge is kept as it was written. Nobody looks for anything inside it: a job's audit is read whole, by its
-- id. As jsonb each document was taken apart and put together twice on its way in, and took more room.

-- A table of a million rows is written anew in a minute or so.
SET LOCAL statement_timeout = '1h';

-- Harmless: no release has filled the table yet. What old code writes is still taken.
ALTER TABLE merge_record
    ALTER COLUMN orphan_before TYPE json,
    ALTER COLUMN survivor_before TYPE json,
    ALTER COLUMN changes TYPE json;

SET LOCAL statement_timeout = '1min';
