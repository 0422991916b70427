-- The id of this installation, made once. With the place of the database it names the queue of the workers and marks
-- their messages, so that two installations may share a broker (app/db/installation.py).
CREATE TABLE installation (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    is_only_row boolean PRIMARY KEY DEFAULT true CHECK (is_only_row)
);
INSERT INTO installation DEFAULT VALUES;
