"""The queue of a workspace, as its operators steer it: paused, resumed and limited."""
