"""The import of whole profiles."""
