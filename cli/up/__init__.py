"""`mergelane up`: the whole product on one machine, with an embedded PostgreSQL and an embedded Redis."""
