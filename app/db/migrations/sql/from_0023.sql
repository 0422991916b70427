-- Changes a database at revision 0023, the last of the 23 former migrations, to the schema of the files beside this one.
--
-- app/db/migrations/__init__.py runs this file and then every CREATE OR REPLACE FUNCTION of those files. A change of
-- the schema before the first release is made in both places: in the file of its subject for new databases, and here.

-- To read a table of a million rows takes longer than the minute that a statement of a migration has.
SET LOCAL statement_timeout = '1h';

-- These were added as NOT VALID, so that old rows were not read.
ALTER TABLE job VALIDATE CONSTRAINT undo_names_its_job, VALIDATE CONSTRAINT undone_by_somebody;
ALTER TABLE batch VALIDATE CONSTRAINT source_is_known, VALIDATE CONSTRAINT run_of_duplicates;

SET LOCAL statement_timeout = '1min';

-- Identifiers that came by a merge before this step count as the profile's own.
ALTER TABLE profile ADD COLUMN email_origin_id bigint, ADD COLUMN phone_origin_id bigint;
ALTER TABLE user_alias ADD COLUMN origin_id bigint;

UPDATE alembic_version SET version_num = '0024';
