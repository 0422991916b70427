"""The audit: which key did what to which profiles, with snapshots from before and after."""
