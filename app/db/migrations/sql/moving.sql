-- Moves of workspaces to other cells. See docs/adr/0063-cells.md.

-- How far the move of a workspace is. Its step is written before the step begins, so that a move that was interrupted
-- continues there.
CREATE TABLE workspace_move (
    workspace_id integer PRIMARY KEY REFERENCES workspace,
    target text NOT NULL,  -- the name of the installation of the other cell
    step text NOT NULL CHECK (step IN ('copying', 'closing', 'closed', 'verified', 'done')),
    began_at timestamptz NOT NULL DEFAULT now(),
    step_at timestamptz NOT NULL DEFAULT now(),
    tables jsonb NOT NULL DEFAULT '{}'  -- the number of rows and the checksum that both cells had, by table
);

ALTER TABLE workspace_move ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_workspace ON workspace_move USING (workspace_id = current_workspace());
