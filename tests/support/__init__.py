"""Tools of the tests: real servers, real processes, and waits with a deadline instead of sleeps."""
