"""The audit: who did what to which profiles, and what these were before and after, read from where it is kept."""
