"""The whole move from the vendor, with a made-up export of any size: import, deduplicate, export, check the id map."""
