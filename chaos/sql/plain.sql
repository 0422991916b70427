-- name: make_table
-- Makes the table in which tasks note that they ran; nothing but the comparison reads it.
CREATE TABLE plain_run (task_id uuid NOT NULL, outcome text NOT NULL)

-- name: open_table
-- Lets tasks, which work under the processes' role, write to it.
GRANT INSERT ON plain_run TO mergelane_app

-- name: note_run
-- Notes one run, in the transaction of its effect.
INSERT INTO plain_run (task_id, outcome) VALUES (%(task_id)s, %(outcome)s)

-- name: runs_of_tasks
-- How often each task ran to its end, and whether it told different things.
SELECT task_id, count(*) AS runs, count(DISTINCT outcome) AS outcomes, bool_or(outcome = 'merged') AS merged
FROM plain_run
GROUP BY task_id

-- name: workspace_id
-- The number of the workspace.
SELECT workspace_id FROM workspace WHERE name = %(workspace)s
