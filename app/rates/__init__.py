"""Rate limits: how many requests a workspace may send in one window of time, and how they are counted."""
