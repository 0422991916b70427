"""The demonstration: fictional people with realistic duplicates, which the real product merges over HTTP."""
