-- name: make_table
-- Creates the table in which tasks record their runs, for the comparison only.
CREATE TABLE plain_run (task_id uuid NOT NULL, outcome text NOT NULL)

-- name: open_table
-- Allows the role of the workers to insert.
GRANT INSERT ON plain_run TO mergelane_app

-- name: note_run
-- Records one run, in the transaction of its effect.
INSERT INTO plain_run (task_id, outcome) VALUES (%(task_id)s, %(outcome)s)

-- name: runs_of_tasks
-- Counts the completed runs of each task and its different outcomes.
SELECT task_id, count(*) AS runs, count(DISTINCT outcome) AS outcomes, bool_or(outcome = 'merged') AS merged
FROM plain_run
GROUP BY task_id

-- name: workspace_id
-- Returns the id of the workspace.
SELECT workspace_id FROM workspace WHERE name = %(workspace)s
