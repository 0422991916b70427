"""The command `mergelane`, for operators of the product and for users of its API."""
