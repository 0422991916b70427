"""The use cases of `/users/*`, one transaction each."""
