-- Every `mergelane migrate` runs this file, after the migrations: a workspace without its row, which a partial restore may
-- have lost, could not get jobs.
INSERT INTO workspace_home (workspace_id) SELECT workspace_id FROM workspace ON CONFLICT (workspace_id) DO NOTHING;
