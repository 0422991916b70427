"""`mergelane up`: the whole product on one machine, with a database and a broker of its own."""
