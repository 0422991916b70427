"""The command `mergelane`: for operators of the product and for its users."""
