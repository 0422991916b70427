-- Statistics of columns that no plan asks for are not gathered: of documents, which are looked into and never compared
-- whole, of prose, and of names that other columns lead to. Counting them took most of the time that counting a table
-- anew takes. The index over custom attributes has statistics of its own.

ALTER TABLE profile
    ALTER COLUMN apps SET STATISTICS 0,
    ALTER COLUMN campaigns_received SET STATISTICS 0,
    ALTER COLUMN canvases_received SET STATISTICS 0,
    ALTER COLUMN current_location SET STATISTICS 0,
    ALTER COLUMN custom_attributes SET STATISTICS 0,
    ALTER COLUMN custom_events SET STATISTICS 0,
    ALTER COLUMN devices SET STATISTICS 0,
    ALTER COLUMN email_subscription SET STATISTICS 0,
    ALTER COLUMN facebook SET STATISTICS 0,
    ALTER COLUMN last_interactions SET STATISTICS 0,
    ALTER COLUMN purchases SET STATISTICS 0,
    ALTER COLUMN push_subscription SET STATISTICS 0,
    ALTER COLUMN push_tokens SET STATISTICS 0,
    ALTER COLUMN subscription_groups SET STATISTICS 0,
    ALTER COLUMN twitter SET STATISTICS 0;

ALTER TABLE job
    ALTER COLUMN not_restored SET STATISTICS 0,
    ALTER COLUMN orphan_braze_id SET STATISTICS 0,
    ALTER COLUMN orphan_external_id SET STATISTICS 0,
    ALTER COLUMN orphan_identifier SET STATISTICS 0,
    ALTER COLUMN reason SET STATISTICS 0,
    ALTER COLUMN survivor_braze_id SET STATISTICS 0,
    ALTER COLUMN survivor_external_id SET STATISTICS 0,
    ALTER COLUMN survivor_identifier SET STATISTICS 0;

ALTER TABLE merge_record
    ALTER COLUMN changes SET STATISTICS 0,
    ALTER COLUMN deprecated_external_ids SET STATISTICS 0,
    ALTER COLUMN orphan_before SET STATISTICS 0,
    ALTER COLUMN origins SET STATISTICS 0,
    ALTER COLUMN survivor_before SET STATISTICS 0;

ALTER TABLE undo_record ALTER COLUMN changes SET STATISTICS 0;

-- Few origins read under one profile, whatever a workspace looks like in which thousands were merged into one: the checks
-- of the references would read the whole table for each orphan that is retired.
ALTER TABLE origin ALTER COLUMN profile_id SET (n_distinct = -0.5);

-- An audit that fits twice on a page stays as it is. To compress it down to the quarter of a page that PostgreSQL aims at
-- takes a twentieth of all that a merge costs the database, and saves a tenth of its room.
ALTER TABLE merge_record SET (toast_tuple_target = 4080);
