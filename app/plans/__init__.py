"""Plans: merges that are previewed, kept, and applied exactly as they were read."""
