"""`mergelane doctor`: checks an installation and reports each problem with its remedy."""
