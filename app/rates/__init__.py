"""Rate limits: requests of a workspace counted in windows of time."""
