"""Reads an input file: bytes, then text in UTF-8, then lines, then records with the numbers of their lines."""
