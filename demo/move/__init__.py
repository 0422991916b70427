"""The whole move from the vendor with a generated export of any size: import, deduplicate, export, check the id map."""
