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

-- Adds the columns that the leaves about summaries, messages, apps, devices and groups read.
CREATE OR REPLACE VIEW own_profile AS
SELECT
    workspace_id, id, external_id, created_at, random_bucket, first_name, last_name, gender, dob, home_city, country,
    language, time_zone, test_user, email, email_key, email_subscription, phone, phone_key, push_subscription,
    session_count, first_session_at, last_session_at, custom_attributes, purchase_count, revenue_cents,
    first_purchase_at, last_purchase_at, custom_events, purchases, apps, devices, campaigns_received, canvases_received,
    last_interactions, subscription_groups
FROM profile
WHERE workspace_id = current_workspace();

UPDATE alembic_version SET version_num = '0024';
