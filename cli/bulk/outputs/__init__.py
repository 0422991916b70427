"""What runs write: outcome files, reports and exports, with their locks and checkpoints."""
