"""Files of any length, over the wire: merged, imported, exported, and gone on with after an interruption."""
