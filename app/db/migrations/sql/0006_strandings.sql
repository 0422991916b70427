-- Attempts that came to no end because their worker, its connection or its turn was gone, counted apart from those that
-- failed: a killed worker says nothing against its job.
ALTER TABLE job ADD COLUMN strandings smallint NOT NULL DEFAULT 0;
