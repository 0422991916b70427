"""`mergelane doctor`: looks at a set-up from all sides and says in sentences what is wrong with it, and the way out."""
