"""Files of any length, processed through the API with a checkpoint: merged, imported and exported."""
