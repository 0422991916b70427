"""The subcommands of `mergelane`, one module each."""
